//! Agents in the background, as the stop of the main thread lists them.

use serde_json::{Value, json};

use crate::claude_code::captured::{settle, start};
use crate::claude_code::numbers::agree;
use crate::claude_code::script::Script;
use crate::harness::{Daemon, eventually, folder, now_ms};

/// A stop of the main thread, with the agents that its client lists.
fn stop(script: &mut Script, at_s: f64, agents: &[&str]) {
    let of = |agent: &&str| {
        json!({"id": script.id(agent), "type": "subagent",
        "status": "running", "description": "look", "agent_type": "probe"})
    };
    let tasks: Vec<Value> = agents.iter().map(of).collect();
    let more =
        json!({"prompt_id": format!("{}-{at_s}", script.session), "background_tasks": tasks});
    script.main(at_s, "Stop", more);
}

fn launch(script: &mut Script, agent: &str, at_s: f64) {
    script.launched(None, agent, at_s);
    script.start(agent, at_s);
}

/// The turns of the agents, and not those of the main thread.
fn agents_are(script: &Script, daemon: &Daemon, expected: &Value) -> Result<(), String> {
    let mut found = json!({});
    for one in script.executions(daemon)? {
        let id = one["agent_id"].as_str().unwrap_or_default();
        let id = id.strip_prefix(&script.id("")).unwrap_or(id);
        let seconds = one["duration_ms"].as_f64().map(|ms| ms / 1e3);
        let error = one["error_details"]["type"].as_str();
        found[id] = match one["status"].as_str() {
            Some("running") => json!("running"),
            status => json!([status, seconds, error]),
        };
    }
    match found == *expected {
        true => Ok(()),
        false => Err(format!("{found:#} and not {expected:#}")),
    }
}

#[test]
fn an_agent_that_its_client_no_longer_lists_has_ended_and_no_other() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);

    // None of these says that an agent has ended.
    let mut quiet = Script::at(&roots, "q", now_ms() - 60_000);
    launch(&mut quiet, "a", 0.0);
    for tasks in [json!(null), json!("x"), json!([{"id": 7}])] {
        let more = json!({"prompt_id": "odd", "background_tasks": tasks});
        quiet.main(20.0, "Stop", more);
    }
    quiet.main(21.0, "Stop", json!({"prompt_id": "none"}));
    // The list of another session, with an agent of the same id.
    let mut other = Script::at(&roots, "s", now_ms() - 60_000);
    other.session = "session-of-another".to_owned();
    launch(&mut other, "twin", 1.0);

    let mut script = Script::at(&roots, "s", now_ms() - 60_000);
    let works = |script: &Script, agent: &str| {
        let call = script.answer(agent, 7.0, [5, 1, 0, 0, 0], &[("t", "Bash")]);
        script.write(agent, &[script.prompt(agent, 0.0), call]);
    };
    for agent in [
        "gone", "read", "grows", "beside", "listed", "busy", "again", "slow", "twin",
    ] {
        launch(&mut script, agent, 0.0);
    }
    for agent in ["read", "grows", "beside"] {
        works(&script, agent);
        settle(&script.transcript(agent));
    }
    // Its transcript goes on after the list.
    script.write("grows", &[script.result("grows", 8.0, "t", false)]);
    // What is in the file beside it cannot be read.
    script.beside("beside", &json!({"stoppedByUser": "yes"}));
    script.stop("again", 5.0);
    script.start("again", 12.0);
    // The client waits for it, or nothing says who launched it, or it is listed by another id.
    script.launched(Some("listed"), "nested", 1.0);
    script.start("nested", 1.0);
    script.start("unanswered", 1.0);
    script.launched(None, "mate", 1.0);
    let mate = script.lines.last_mut().expect("a line");
    mate["payload"]["tool_response"]["status"] = "teammate_spawned".into();
    script.start("mate", 1.0);
    // Its start is reported after the list.
    launch(&mut script, "early", 2.0);
    let early = script.lines.split_off(script.lines.len() - 2);
    stop(&mut script, 30.0, &["listed"]);
    // Of later than the list.
    launch(&mut script, "later", 31.0);
    let call = json!({"tool_name": "Bash", "tool_use_id": "b"});
    script.of("busy", 31.0, "PreToolUse", call);
    let busy = script.lines.pop().expect("a line");

    daemon.send(&quiet.lines);
    daemon.send(&other.lines);
    daemon.send(&script.lines);
    daemon.send(&early);
    daemon.send(&[busy]);
    // A list that comes again says the same.
    daemon.send(&script.lines);
    let mut expected = json!({
        "gone": ["failure", 30.0, "interrupted"], "read": ["failure", 7.0, "interrupted"],
        "beside": ["failure", 7.0, "interrupted"], "again": ["success", 5.0, null],
        "again#2": ["failure", 18.0, "interrupted"], "slow": ["failure", 30.0, "interrupted"],
        "early": ["failure", 28.0, "interrupted"], "twin": ["failure", 30.0, "interrupted"],
        "twin#2": "running", "grows": "running", "listed": "running", "busy": "running",
        "nested": "running", "unanswered": "running", "mate": "running", "later": "running",
    });
    eventually("what is missing has ended", || {
        agents_are(&script, &daemon, &expected)
    });
    eventually("a list of unknown ids says nothing", || {
        agents_are(&quiet, &daemon, &json!({"a": "running"}))
    });

    // Its own stop says better how it ended, and is no second run.
    script.lines.clear();
    script.stop("slow", 33.0);
    script.stop("busy", 34.0);
    daemon.send(&script.lines);
    expected["slow"] = json!(["success", 33.0, null]);
    expected["busy"] = json!(["success", 34.0, null]);
    eventually("its stop counts", || {
        agents_are(&script, &daemon, &expected)
    });
    agree(&daemon);

    // The next list ends what the first one could not, also after a restart.
    settle(&script.transcript("grows"));
    daemon.kill9();
    daemon.restart();
    script.lines.clear();
    let at_s = (now_ms() - script.ms(0.0)) as f64 / 1e3;
    stop(&mut script, at_s, &["listed", "later"]);
    daemon.send(&script.lines);
    expected["grows"] = json!(["failure", 8.0, "interrupted"]);
    eventually("the next list", || agents_are(&script, &daemon, &expected));
}
