//! The largest events there may be: they fill neither Redis nor the memory, the errors that are
//! shown are the same from either view, and history has all of them. 

use serde_json::{Map, Value, json};

use crate::harness::{Daemon, eventually, now_ms};
use crate::model::rfc3339;
use crate::redis_server::Redis;
use crate::setup::Setup;

const COUNT: usize = 100;
const ERRORS: &str = "/api/agents/errors/large";

/// Failures of some 240 KB.
fn large(range: std::ops::Range<usize>) -> Vec<Value> {
    let text = "word ".repeat(800);
    let details: Map<String, Value> = (0..58)
        .map(|n| (format!("f{n:02}"), text.clone().into()))
        .collect();
    let mut details = Value::Object(details);
    details["type"] = "E".into();
    details["message"] = "all of it".into();
    let tools: Vec<String> = (0..100).map(|n| format!("tool-{n}")).collect();
    range
        .map(|n| {
            json!({"event":"stop","agent_id":format!("x{n:03}"),"agent_name":"large",
                "execution_end":rfc3339(now_ms()),"duration_ms":5,"status":"failure",
                "error_details":details,"tools_used":tools})
        })
        .collect()
}

fn told(daemon: &Daemon, source: &str) -> Result<Value, String> {
    let answer = daemon.get(ERRORS);
    let errors = answer.json()["errors"].clone();
    let is_whole = errors.as_array().is_some_and(|errors| errors.len() == 50);
    (is_whole && answer.header("x-agentpulse-source") == Some(source))
        .then_some(errors)
        .ok_or(format!(
            "{}, {:?}",
            answer.status,
            answer.header("x-agentpulse-source")
        ))
}

#[test]
fn a_hundred_of_the_largest_events_leave_room_in_redis_and_are_whole_in_history() {
    let mut redis = Redis::start();
    redis.run(&["CONFIG", "SET", "maxmemory", "10mb"]);
    let daemon = Setup::new().redis(&redis).start();
    for n in (0..COUNT).step_by(10) {
        daemon.accept(&large(n..n + 10));
    }
    eventually("the live picture has them", || {
        let length = redis.run(&["LLEN", "agent:history:large"]);
        let length = format!("{length:?}");
        is_ready(&daemon)?;
        length.contains("100").then_some(()).ok_or(length)
    });
    let live = eventually("live tells the errors", || told(&daemon, "live"));
    let details = &live[0]["error_details"];
    assert_eq!(
        (&details["type"], &details["message"]),
        (&json!("E"), &json!("all of it"))
    );
    assert_eq!(details["cut"], true);
    assert!(details.to_string().len() <= 8 << 10, "{details}");
    let whole = daemon
        .read("/api/agents/executions/x007")
        .expect("history has it");
    assert_eq!(whole["error_details"]["f57"], "word ".repeat(800));
    assert_eq!(whole["error_details"]["cut"], Value::Null);
    assert_eq!(whole["tools_used"].as_array().map(Vec::len), Some(100));

    redis.kill();
    let history = eventually("history tells the same", || told(&daemon, "history"));
    assert_eq!(history, live);
    redis.restart();
    eventually("a rebuild tells the same", || {
        let rebuilt = told(&daemon, "live")?;
        (rebuilt == live).then_some(()).ok_or("others".to_owned())
    });
}

fn is_ready(daemon: &Daemon) -> Result<(), String> {
    let ready = daemon.get("/ready");
    (ready.status == 200).then_some(()).ok_or(ready.text())
}

