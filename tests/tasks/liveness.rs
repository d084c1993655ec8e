//! What the executions of workers do to their tasks: their heartbeats keep them, their ends give
//! them back, and what they spend is what the task cost.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{create, task};
use crate::claude_code::captured::start;
use crate::claude_code::script::Script;
use crate::harness::{Daemon, Setup, eventually, folder};

/// A claim in a tool call; returns the number of the task and its token.
fn claim_in(daemon: &Daemon, call: &str, more: &Value) -> (i64, String) {
    let mut body = json!({"role": "qa", "worker": "claude-code-s", "lease_s": 10});
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let headers = [("tool-use-id", call)];
    let headers = if call.is_empty() { &[][..] } else { &headers };
    let body = body.to_string();
    let answer = daemon.request("POST", "/api/tasks/claim", headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let claimed = answer.json();
    let token = claimed["lease"]["token"].as_str().expect("a token");
    (
        claimed["task"]["id"].as_i64().expect("a number"),
        token.to_owned(),
    )
}

fn call_begins(script: &mut Script, agent: &str, at_s: f64, use_id: &str) {
    let call = json!({"tool_name": "mcp__agentpulse__task_claim", "tool_use_id": use_id});
    script.of(agent, at_s, "PreToolUse", call);
}

/// Sends what a script has, and forgets it.
fn send(daemon: &Daemon, script: &mut Script) {
    let (_, answer) = daemon.send(&script.lines);
    assert_eq!(answer.totals.rejected, 0, "{answer:?}");
    script.lines.clear();
}

fn executions(daemon: &Daemon, id: i64) -> Vec<String> {
    let cost = &task(daemon, id)["cost"];
    let executions = cost["executions"].as_array().expect("a list").iter();
    let ids = executions.map(|one| one["agent_id"].as_str().expect("an id").to_owned());
    ids.collect()
}

#[test]
fn an_agent_keeps_its_task_by_its_hooks_and_its_end_gives_it_back() {
    let place = folder();
    let setup = Setup::new().set("tasks.abandon_after", "\"1s\"");
    let daemon = setup.start();
    let mut script = Script::new(&place.path().join("projects"), "x");
    let (first, second) = (create(&daemon, "qa"), create(&daemon, "qa"));
    script.start("a", 0.0);
    script.start("b", 0.0);
    call_begins(&mut script, "a", 1.0, "t1");
    call_begins(&mut script, "b", 1.0, "t2");
    send(&daemon, &mut script);
    // Two agents of one session have one name as a worker, and are two.
    let begun = Instant::now();
    assert_eq!(claim_in(&daemon, "t1", &json!({})).0, first);
    assert_eq!(claim_in(&daemon, "t2", &json!({})).0, second);
    assert_eq!(claim_in(&daemon, "t1", &json!({})).0, first);
    assert_eq!(executions(&daemon, first), [script.id("a")]);

    // The lease of either is 10 s: `a` speaks all the time, `b` never.
    let mut call = 10;
    let whole = eventually("b has lost its task, and a has not", || {
        call += 1;
        script.tool("a", 2.0, "Read", &format!("t{call}"));
        send(&daemon, &mut script);
        let (own, others) = (task(&daemon, first), task(&daemon, second));
        assert_eq!(own["task"]["status"], "running", "{own}");
        let is_lost = others["task"]["status"] == "pending";
        let is_over = begun.elapsed() > Duration::from_millis(12_500);
        (is_lost && is_over)
            .then_some(others)
            .ok_or("not yet".to_owned())
    });
    assert_eq!(whole["task"]["error_type"], "lease_lost");

    // It may begin its next turn, which keeps the lease.
    script.stop("a", 30.0);
    script.start("a", 30.5);
    send(&daemon, &mut script);
    eventually("its next turn works on it, too", || {
        let ids = executions(&daemon, first);
        let is_both = ids == [script.id("a"), format!("{}#2", script.id("a"))];
        is_both.then_some(()).ok_or(format!("{ids:?}"))
    });
    assert_eq!(task(&daemon, first)["task"]["status"], "running");
    script.stop("a", 40.0);
    send(&daemon, &mut script);
    let whole = eventually("it is given back", || {
        let whole = task(&daemon, first);
        let is_back = whole["task"]["status"] == "pending";
        is_back.then(|| whole.clone()).ok_or(whole.to_string())
    });
    assert_eq!(whole["task"]["error_type"], "abandoned");
    assert_eq!(whole["attempts"][0]["how"], "abandoned");
}

#[test]
fn a_claim_that_comes_before_its_hook_is_linked_when_that_comes() {
    let place = folder();
    let daemon = start(&place.path().join("projects"));
    let mut script = Script::new(&place.path().join("projects"), "x");
    let id = create(&daemon, "qa");
    assert_eq!(claim_in(&daemon, "t1", &json!({})).0, id);
    assert!(executions(&daemon, id).is_empty());
    script.start("a", 0.0);
    call_begins(&mut script, "a", 1.0, "t1");
    send(&daemon, &mut script);
    eventually("it is linked", || {
        let ids = executions(&daemon, id);
        (ids == [script.id("a")])
            .then_some(())
            .ok_or(format!("{ids:?}"))
    });
}

#[test]
fn a_main_thread_works_on_a_task_over_several_turns() {
    let place = folder();
    let setup = Setup::new().set("tasks.abandon_after", "\"1s\"");
    let mut daemon = setup.start();
    let mut script = Script::new(&place.path().join("projects"), "x");
    let id = create(&daemon, "qa");
    let prompt = |number: u32| json!({"prompt_id": format!("p{number}")});
    script.main(0.0, "UserPromptSubmit", prompt(1));
    let mut call = prompt(1);
    call["tool_name"] = "mcp__agentpulse__task_claim".into();
    call["tool_use_id"] = "t1".into();
    script.main(1.0, "PreToolUse", call);
    send(&daemon, &mut script);
    let long = json!({"lease_s": 3600});
    assert_eq!(claim_in(&daemon, "t1", &long).0, id);
    script.main(2.0, "Stop", prompt(1));
    send(&daemon, &mut script);
    // What was linked is known after a restart.
    daemon.restart();
    script.main(60.0, "UserPromptSubmit", prompt(2));
    send(&daemon, &mut script);
    eventually("its next turn works on it, too", || {
        let ids = executions(&daemon, id);
        (ids == ["main-p1", "main-p2"])
            .then_some(())
            .ok_or(format!("{ids:?}"))
    });
    assert_eq!(task(&daemon, id)["task"]["status"], "running");
}

#[test]
fn a_task_costs_its_share_of_what_its_executions_spent() {
    let daemon = Setup::new().start();
    let (first, second) = (create(&daemon, "qa"), create(&daemon, "qa"));
    let named = json!({"execution_id": "e1"});
    daemon.accept(&[json!({"event": "start", "agent_id": "e1", "agent_name": "worker"})]);
    let chain = daemon.read(&format!("/api/tasks/{first}/chain"));
    assert_eq!(chain.expect("a chain")["cost"]["executions"], json!([]));
    for id in [first, second] {
        let (held, token) = claim_in(&daemon, "", &named);
        assert_eq!(held, id);
        let path = format!("/api/tasks/{id}/complete");
        let (status, done) = super::post(&daemon, &path, &json!({"token": token}));
        assert_eq!(status, 200, "{done}");
    }
    daemon.accept(&[
        json!({"event": "stop", "agent_id": "e1", "agent_name": "worker",
        "status": "success", "duration_ms": 5_000, "token_usage":
        {"input_tokens": 60_000, "output_tokens": 40_000, "estimated_cost": 2.0}}),
    ]);
    let cost = |id: i64| task(&daemon, id)["cost"].clone();
    let (one, other) = eventually("history has the end", || {
        let (one, other) = (cost(first), cost(second));
        let is_ended = one["executions"][0]["status"] == "success";
        is_ended
            .then(|| (one.clone(), other))
            .ok_or(one.to_string())
    });
    let tokens = |cost: &Value| cost["total_tokens"].as_i64().expect("tokens");
    let dollars = |cost: &Value| cost["estimated_cost"].as_f64().expect("dollars");
    let share = |cost: &Value| cost["executions"][0]["share"].as_f64().expect("a share");
    assert!((99_999..=100_001).contains(&(tokens(&one) + tokens(&other))));
    assert!((dollars(&one) + dollars(&other) - 2.0).abs() < 1e-5);
    assert!((share(&one) + share(&other) - 1.0).abs() < 1e-9);
    assert!(share(&one) > 0.0 && share(&other) > 0.0);
    let chain = daemon.read(&format!("/api/tasks/{first}/chain"));
    assert_eq!(chain.expect("a chain")["cost"], one);
}

#[test]
fn a_call_that_cannot_be_one_is_refused_by_name_and_takes_nothing() {
    let daemon = Setup::new().start();
    let id = create(&daemon, "qa");
    let long = "x".repeat(257);
    let claim = json!({"role": "qa", "worker": "w"});
    let none = json!({"role": "qa", "worker": "w", "execution_id": ""});
    for (call, body, field) in [
        (long.as_str(), &claim, "tool-use-id: 1 to 256"),
        ("", &claim, "tool-use-id: 1 to 256"),
        ("caf\u{e9}", &claim, "tool-use-id: 1 to 256"),
        ("t1", &none, "execution_id"),
    ] {
        let body = body.to_string();
        let headers = [("tool-use-id", call)];
        let answer = daemon.request("POST", "/api/tasks/claim", &headers, body.as_bytes());
        assert_eq!(answer.status, 400, "{call}: {}", answer.text());
        assert!(answer.text().contains(field), "{call}: {}", answer.text());
    }
    assert_eq!(task(&daemon, id)["task"]["status"], "pending");
    assert_eq!(task(&daemon, id)["attempts"], json!([]));
}
