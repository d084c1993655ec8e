//! Alerts: what goes wrong is found, shown, sent to webhooks and resolved.

use serde_json::{Value, json};

use crate::harness::receiver::{Manner, Receiver, Told};
use crate::harness::watcher::{STREAM, Watcher};
use crate::harness::{Daemon, Redis, Run, Setup, eventually, now_ms};

const OK: Manner = Manner::Status("200 OK");

fn stop(id: &str, agent: &str, status: &str) -> Value {
    Run::new(id)
        .agent(agent)
        .ended(now_ms())
        .took(5)
        .status(status)
        .stop()
}

fn stops(ids: std::ops::Range<usize>, status: &str) -> Vec<Value> {
    let of_one = |i| stop(&format!("run-{i}"), "zorp", status);
    ids.map(of_one).collect()
}

fn alerts(daemon: &Daemon) -> Result<Vec<Value>, String> {
    let told = daemon.read("/api/agents/alerts")?;
    Ok(told["alerts"].as_array().ok_or("no list")?.clone())
}

/// The newest alert of a rule, once it is in this state.
#[track_caller]
fn alert(daemon: &Daemon, rule: &str, state: &str) -> Value {
    eventually("the alert", || {
        let all = alerts(daemon)?;
        let found = all.iter().find(|alert| alert["rule"] == rule);
        match found.filter(|alert| alert["state"] == state) {
            Some(alert) => Ok(alert.clone()),
            None => Err(format!("no {rule} is {state}: {all:#?}")),
        }
    })
}

fn has(daemon: &Daemon, rule: &str) -> bool {
    let all = alerts(daemon).expect("the list");
    all.iter().any(|alert| alert["rule"] == rule)
}

fn webhook(url: &str, format: &str) -> String {
    format!("{{ url = \"{url}\", format = \"{format}\" }}")
}

/// What was sent of the success rate, as each is first said.
fn of_rate(told: Vec<Told>, path: &str) -> Vec<Told> {
    let about = |told: &Told| told.path == path && told.body.to_string().contains("success_rate");
    told.into_iter().filter(about).collect()
}

#[test]
fn runs_that_fail_are_shown_told_and_resolved() {
    let receiver = Receiver::start(OK);
    let (json, slack) = (receiver.url("/json?key=s3cret"), receiver.url("/slack"));
    let hooks = [webhook(&json, "json"), webhook(&slack, "slack")].join(", ");
    let daemon = Setup::new()
        .set("alerts.webhooks", &format!("[{hooks}]"))
        .set("alerts.daily_cost", "25.5")
        .start();
    let mut watcher = Watcher::connect(&daemon, STREAM);
    let budgets = json!({"daily_tokens": null, "daily_cost": 25.5});
    let response = eventually("the rules are in force", || {
        let response = daemon.get("/api/agents/alerts");
        let told = (response.status, response.json());
        (told == (200, json!({"alerts": [], "budgets": budgets})))
            .then_some(response)
            .ok_or(format!("{told:?}"))
    });
    let tag = response.header("etag").expect("a tag").to_owned();
    let again = daemon.request("GET", "/api/agents/alerts", &[("if-none-match", &tag)], b"");
    assert_eq!(again.status, 304);

    daemon.accept(&stops(0..5, "failure"));
    let fired = alert(&daemon, "success_rate", "firing");
    let message = "0.0 % of 5 executions in 5 min succeeded";
    assert_eq!(fired["message"], message);
    assert_eq!(
        (&fired["value"], &fired["threshold"]),
        (&json!(0.0), &json!(80.0))
    );
    assert_eq!(
        (&fired["unit"], &fired["severity"]),
        (&json!("percent"), &json!("warning"))
    );
    assert!(fired["resolved_at"].is_null() && fired["fired_at"].is_string());
    let failing = alert(&daemon, "agent_failing", "firing");
    assert_eq!(
        (&failing["subject"], &failing["value"]),
        (&json!("zorp"), &json!(5.0))
    );

    let status = daemon.command(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let lines = status["alerts"].as_array().expect("a list");
    assert!(
        lines.contains(&json!(format!("warning success_rate: {message}"))),
        "{lines:?}"
    );
    let doctor = daemon.command(&["doctor"]);
    let shown = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(
        !doctor.status.success() && shown.contains(message),
        "{shown}"
    );

    daemon.accept(&stops(5..50, "success"));
    let resolved = alert(&daemon, "success_rate", "resolved");
    assert_eq!(
        (&resolved["id"], &resolved["value"]),
        (&fired["id"], &json!(90.0))
    );
    assert!(resolved["resolved_at"].is_string());
    alert(&daemon, "agent_failing", "resolved");

    eventually("both webhooks were told both", || {
        let told = |path| of_rate(receiver.told(), path).len();
        match (told("/json?key=s3cret"), told("/slack")) {
            (2, 2) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let told = of_rate(receiver.told(), "/json?key=s3cret");
    assert_eq!(told[0].content_type, "application/json");
    assert_eq!(told[0].body, json!({"kind":"alert","alert":fired}));
    assert_eq!(told[1].body, json!({"kind":"alert","alert":resolved}));
    let told = of_rate(receiver.told(), "/slack");
    let text = format!(":warning: warning: agentpulse success_rate: {message}");
    assert_eq!(told[0].body, json!({"text": text}));
    let text = told[1].body["text"].as_str().expect("a text");
    assert!(text.starts_with(":white_check_mark: resolved: "), "{text}");
    assert_eq!(of_stream(&mut watcher, "success_rate"), [fired, resolved]);
}

/// What the stream says of a rule, until it is resolved.
fn of_stream(watcher: &mut Watcher, rule: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    loop {
        let frame = watcher.read();
        for element in frame["data"].as_array().into_iter().flatten() {
            if element["kind"] == "alert" && element["alert"]["rule"] == rule {
                seen.push(element["alert"].clone());
            }
        }
        if seen
            .last()
            .is_some_and(|alert| alert["state"] == "resolved")
        {
            return seen;
        }
    }
}

#[test]
fn of_fewer_than_five_executions_there_is_no_rate() {
    let daemon = Setup::new().start();
    daemon.accept(&stops(0..4, "failure"));
    // Judged in the same look.
    alert(&daemon, "agent_failing", "firing");
    assert!(!has(&daemon, "success_rate"));
    daemon.accept(&stops(4..5, "failure"));
    alert(&daemon, "success_rate", "firing");
}

#[test]
fn a_webhook_is_reached_through_the_proxy_of_the_environment() {
    let proxy = Receiver::start(OK);
    let direct = Receiver::start(OK);
    let behind = "http://webhooks.invalid/told?key=s3cret";
    let hooks = [webhook(behind, "json"), webhook(&direct.url("/"), "json")].join(", ");
    let daemon = Setup::new()
        .set("alerts.webhooks", &format!("[{hooks}]"))
        .environment("HTTP_PROXY", &proxy.url(""))
        .environment("NO_PROXY", "127.0.0.1")
        .start();
    daemon.accept(&stops(0..5, "failure"));
    eventually("both are told", || {
        let told = |receiver: &Receiver, path| !of_rate(receiver.told(), path).is_empty();
        match (told(&proxy, behind), told(&direct, "/")) {
            (true, true) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

#[test]
fn a_webhook_that_hangs_or_refuses_holds_up_nobody_and_is_given_up() {
    let hangs = Receiver::start(Manner::Hang);
    let fails = Receiver::start(Manner::Status("500 Internal Server Error"));
    let refuses = Receiver::start(Manner::Status("403 Forbidden"));
    let takes = Receiver::start(OK);
    let urls = [&hangs, &fails, &refuses, &takes].map(|receiver| receiver.url("/"));
    let hooks = urls.map(|url| webhook(&url, "json")).join(", ");
    let mut daemon = Setup::new()
        .set("alerts.webhooks", &format!("[{hooks}]"))
        .set("alerts.agent_failing.enabled", "false")
        .start();
    daemon.accept(&stops(0..5, "failure"));
    eventually("who listens is told", || match takes.told().len() {
        1 => Ok(()),
        told => Err(format!("{told} times")),
    });
    daemon.accept(&stops(5..50, "success"));
    alert(&daemon, "success_rate", "resolved");
    let counters = || -> Result<Value, String> {
        let status = daemon.command(&["status", "--json"]);
        let status: Value = serde_json::from_slice(&status.stdout).map_err(|e| e.to_string())?;
        Ok(status["counters"].clone())
    };
    eventually("the others are given up", || {
        let told = counters()?;
        let sent = told["webhooks_sent"] == 2;
        // Two of each that answers, and at least the first of who hangs.
        if sent && told["webhooks_failed"].as_u64() >= Some(5) {
            return Ok(());
        }
        Err(told.to_string())
    });
    assert_eq!(refuses.told().len(), 2, "a refusal is final");
    assert_eq!(fails.told().len(), 6, "three attempts each");
    assert!(hangs.told().len() >= 3);
    // With one more on its way, the end is not held up either.
    assert!(daemon.sigterm().success());
}

#[test]
fn a_firing_alert_fires_again_after_a_restart_and_a_resolved_one_does_not() {
    let mut daemon = Setup::new().start();
    daemon.accept(&stops(0..5, "failure"));
    alert(&daemon, "success_rate", "firing");
    let before = alert(&daemon, "agent_failing", "firing");
    daemon.accept(&[
        stop("well", "zorp", "success"),
        stop("x", "blip", "failure"),
        stop("y", "blip", "timeout"),
        stop("z", "blip", "failure"),
    ]);
    eventually("one is resolved, the other fires", || {
        let all = alerts(&daemon)?;
        let is = |subject, state| {
            let mut all = all.iter();
            all.any(|alert| alert["subject"] == subject && alert["state"] == state)
        };
        match is("zorp", "resolved") && is("blip", "firing") {
            true => Ok(()),
            false => Err(format!("{all:#?}")),
        }
    });
    daemon.kill9();
    daemon.restart();
    let rate = alert(&daemon, "success_rate", "firing");
    assert_eq!(rate["message"], "11.1 % of 9 executions in 5 min succeeded");
    let after = alert(&daemon, "agent_failing", "firing");
    assert_eq!(
        (&after["subject"], &after["value"]),
        (&json!("blip"), &json!(3.0))
    );
    assert_ne!(before["id"], after["id"]);
    let all = alerts(&daemon).expect("the list");
    assert!(
        all.iter().all(|alert| alert["state"] != "resolved"),
        "{all:#?}"
    );
}

#[test]
fn many_agents_and_a_budget_that_is_spent() {
    let daemon = Setup::new()
        .set("alerts.daily_tokens", "1000")
        .set("alerts.daily_cost", "0.5")
        .set("alerts.cost_budget.severity", "\"critical\"")
        .start();
    let starts: Vec<Value> = (0..11)
        .map(|i| json!({"event":"start","agent_id":format!("a{i}"),"agent_name":"zorp"}))
        .collect();
    daemon.accept(&starts);
    let runaway = alert(&daemon, "active_agents", "firing");
    assert_eq!(runaway["value"], 11.0);
    let mut spent = stop("a0", "zorp", "success");
    spent["token_usage"] = json!({"input_tokens":1000,"output_tokens":1,"estimated_cost":0.75});
    daemon.accept(&[spent, stop("a1", "zorp", "success")]);
    assert_eq!(alert(&daemon, "token_budget", "firing")["value"], 1001.0);
    let cost = alert(&daemon, "cost_budget", "firing");
    assert_eq!(cost["severity"], "critical");
    assert_eq!(cost["message"], "$0.75 spent today; the budget is $0.50");
    alert(&daemon, "active_agents", "resolved");
}

#[test]
fn agents_that_fall_silent() {
    let daemon = Setup::new().set("reaper.idle_timeout", "\"2s\"").start();
    daemon.accept(&[json!({"event":"start","agent_id":"a","agent_name":"zorp"})]);
    let hung = alert(&daemon, "hung_agent", "firing");
    assert_eq!(hung["value"], 1.0);
    eventually("its agent is named", || {
        let hung = alert(&daemon, "hung_agent", "firing");
        let expect = "1 fell silent and were ended in 15 min (zorp); 0 are silent and near their \
                      deadline";
        match hung["message"].as_str() {
            Some(message) if message == expect => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    daemon.accept(&[stop("a", "zorp", "success")]);
    alert(&daemon, "hung_agent", "resolved");
}

#[test]
fn a_redis_that_is_away() {
    let mut redis = Redis::start();
    let daemon = Setup::new()
        .set("alerts.live_down.for", "\"0ms\"")
        .redis(&redis)
        .start();
    redis.kill();
    let down = alert(&daemon, "live_down", "firing");
    assert_eq!(
        (&down["severity"], &down["unit"]),
        (&json!("critical"), &json!("faults"))
    );
    let message = down["message"].as_str().expect("a message");
    assert!(message.starts_with("the live view is away"), "{message}");
    // The others are judged all the same.
    daemon.accept(&stops(0..5, "failure"));
    alert(&daemon, "success_rate", "firing");
    redis.restart();
    alert(&daemon, "live_down", "resolved");
}
