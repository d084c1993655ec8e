//! The existing dashboard's dialect on `/stream`, field by field as its client reads it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tungstenite::Message;

use crate::harness::watcher::{DASHBOARD, Watcher};
use crate::harness::{Daemon, Run, Setup, eventually, now_ms};
use crate::model::HOUR_MS;

fn stop(id: &str, kind: &str, status: &str, duration_ms: i64, calls: Value) -> Value {
    Run::new(id)
        .of_type(kind)
        .ended(now_ms())
        .took(duration_ms)
        .status(status)
        .called(calls)
        .stop()
}

fn fields(object: &Value) -> BTreeSet<&str> {
    let object = object.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

/// The four messages of a new client, after `initial`.
fn opened(daemon: &Daemon) -> (Watcher, [Value; 4]) {
    let mut watcher = Watcher::connect(daemon, DASHBOARD);
    assert_eq!(watcher.read(), json!({"type": "initial", "data": []}));
    let messages = ["metrics", "timeline", "types", "tools"].map(|kind| {
        let message = watcher.read();
        assert_eq!(fields(&message), ["data", "type"].into(), "{message}");
        assert_eq!(message["type"], kind);
        message["data"].clone()
    });
    (watcher, messages)
}

#[test]
fn an_empty_daemon_has_every_message() {
    let daemon = Setup::new().start();
    let (_, [metrics, timeline, types, tools]) = opened(&daemon);
    let none = json!({"totalExecutions": 0, "successRate": 0.0, "agentTypes": 0,
        "activeAgents": 0});
    assert_eq!(metrics, none);
    assert_eq!(timeline.as_array().map(Vec::len), Some(24));
    assert_eq!((types, tools), (json!([]), json!([])));
}

#[test]
fn its_client_shows_the_right_numbers() {
    let daemon = Setup::new().start();
    daemon.accept(&[
        json!({"event": "start", "agent_id": "r", "agent_name": "zorp"}),
        stop(
            "a",
            "data-manager",
            "success",
            1_000,
            json!({"Read": 3, "Bash": 1}),
        ),
        stop("b", "data-manager", "failure", 2_501, json!({"Read": 1})),
        stop("c", "tester", "success", 500, json!({"Read": 1})),
    ]);
    eventually("the daemon has counted them", || {
        let told = daemon.read("/api/agents/metrics/current")?;
        let all = told["executions_today"] == 3 && told["active_agents"] == 1;
        if all { Ok(()) } else { Err(told.to_string()) }
    });
    let (mut watcher, [metrics, timeline, types, tools]) = opened(&daemon);
    let expect = json!({"totalExecutions": 3, "successRate": 66.67, "agentTypes": 2,
        "activeAgents": 1});
    assert_eq!(metrics, expect);

    let points = timeline.as_array().expect("points");
    assert_eq!(points.len(), 24);
    let names = [
        "avgDuration",
        "executions",
        "failures",
        "successes",
        "timestamp",
    ];
    for pair in points.windows(2) {
        let at = |point: &Value| point["timestamp"].as_i64().expect("milliseconds");
        assert_eq!(fields(&pair[0]), names.into());
        assert_eq!(at(&pair[1]) - at(&pair[0]), HOUR_MS);
    }
    let sum = |name: &str| {
        points
            .iter()
            .map(|p| p[name].as_i64().unwrap_or(-1))
            .sum::<i64>()
    };
    assert_eq!(
        (sum("executions"), sum("successes"), sum("failures")),
        (3, 2, 1)
    );
    // All in one hour, unless the clock has just struck.
    let last = points.last().expect("a point");
    if last["executions"] == 3 {
        assert_eq!(last["avgDuration"], 1.334);
    }

    let expect = json!([
        {"type": "data-manager", "displayName": "Data Manager", "count": 2, "successRate": 50.0,
            "avgDuration": 1.751, "icon": "🤖"},
        {"type": "tester", "displayName": "Tester", "count": 1, "successRate": 100.0,
            "avgDuration": 0.5, "icon": "🤖"},
    ]);
    assert_eq!(types, expect);
    let expect = json!([
        {"toolName": "Read", "usageCount": 5, "agentCount": 2, "successRate": null,
            "avgDuration": null, "icon": "🔧"},
        {"toolName": "Bash", "usageCount": 1, "agentCount": 1, "successRate": null,
            "avgDuration": null, "icon": "🔧"},
    ]);
    assert_eq!(tools, expect);

    // A change is sent by itself.
    daemon.accept(&[stop("d", "tester", "success", 500, json!({}))]);
    let metrics = watcher.read_type("metrics");
    assert_eq!(metrics["data"]["totalExecutions"], 4);
    assert_eq!(metrics["data"]["successRate"], 75.0);
    let types = watcher.read_type("types");
    assert_eq!(types["data"][1]["count"], 2);
}

#[test]
fn a_ping_is_answered_at_once_and_everything_else_ignored() {
    let daemon = Setup::new().start();
    let (mut watcher, _) = opened(&daemon);
    watcher.send(Message::text("nonsense"));
    watcher.send(Message::text(json!({"type": "subscribe"}).to_string()));
    let ping = json!({"type": "ping", "timestamp": now_ms()});
    watcher.send(Message::text(ping.to_string()));
    assert_eq!(watcher.read(), json!({"type": "pong"}));
}
