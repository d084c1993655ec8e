//! The largest events there may be: they fill neither Redis nor the memory, the errors that are
//! shown are the same in either view, and history has all of them. A Redis that is too small for
//! what there is gets time, and the operator gets a warning.

use serde_json::{Map, Value, json};

use crate::harness::{Daemon, Redis, Setup, eventually, now_ms};
use crate::model::rfc3339;

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

fn told(daemon: &Daemon) -> Result<Value, String> {
    let answer = daemon.get(ERRORS);
    let errors = answer.json()["errors"].clone();
    // History gets the last ones with its last flush.
    let is_last = |error: &Value| error["agent_id"] == "x099";
    let is_whole = errors
        .as_array()
        .is_some_and(|errors| errors.len() == 50 && errors.iter().any(is_last));
    is_whole.then_some(errors).ok_or(answer.status.to_string())
}

/// Details of the errors in the list of Redis.
fn in_redis(redis: &Redis) -> Result<Vec<Value>, String> {
    let list = redis
        .run(&["LRANGE", "agent:errors:large", "0", "-1"])
        .texts();
    let entries = list.iter().map(|entry| serde_json::from_str(entry));
    let entries: Result<Vec<Value>, _> = entries.collect();
    let entries = entries.map_err(|error| error.to_string())?;
    let details = entries.iter().map(|entry| entry["error_details"].clone());
    (entries.len() == 50)
        .then(|| details.collect())
        .ok_or(entries.len().to_string())
}

fn status(daemon: &Daemon) -> Value {
    let output = daemon.command(&["status", "--json"]);
    serde_json::from_slice(&output.stdout).expect("status is JSON")
}

#[test]
fn a_hundred_of_the_largest_events_leave_room_in_redis_and_are_whole_in_history() {
    let mut redis = Redis::start();
    redis.run(&["CONFIG", "SET", "maxmemory", "10mb"]);
    let daemon = Setup::new().redis(&redis).start();
    for n in (0..COUNT).step_by(10) {
        daemon.accept(&large(n..n + 10));
    }
    eventually("the live view has them", || {
        let length = redis.run(&["LLEN", "agent:history:large"]);
        let length = format!("{length:?}");
        is_ready(&daemon)?;
        length.contains("100").then_some(()).ok_or(length)
    });
    let errors = eventually("the errors are told", || told(&daemon));
    let details = &errors[0]["error_details"];
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

    let in_list = eventually("Redis has the same", || in_redis(&redis));
    assert!(in_list.iter().all(|of_list| of_list == details));
    redis.restart();
    let rebuilt = eventually("a rebuild writes the same", || in_redis(&redis));
    assert_eq!(rebuilt, in_list);
    assert_eq!(told(&daemon), Ok(errors));
}

/// Failures that stand in the list of errors as they are, 2 MB of them.
fn medium() -> Vec<Value> {
    let text = "word ".repeat(780);
    let details = json!({"type": "E", "message": text, "near": text});
    (0..240)
        .map(|n| {
            json!({"event":"stop","agent_id":format!("y{n:03}"),"status":"failure",
                "agent_name":format!("agent-{}", n % 4),"execution_end":rfc3339(now_ms()),
                "error_details":details})
        })
        .collect()
}

fn memory(redis: &Redis) -> u64 {
    let told = redis.run(&["INFO", "memory"]).text();
    let used = told
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    used.and_then(|used| used.trim().parse().ok())
        .expect("a number")
}

fn is_ready(daemon: &Daemon) -> Result<(), String> {
    let ready = daemon.get("/ready");
    (ready.status == 200).then_some(()).ok_or(ready.text())
}

#[test]
fn a_redis_that_is_too_small_is_not_filled_over_and_over() {
    let redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    daemon.accept(&medium());
    eventually("the live view has them", || {
        let status = status(&daemon);
        let is_done = status["live"]["pending"] == 0 && status["history"]["pending"] == 0;
        is_done.then_some(()).ok_or(status.to_string())
    });
    // Room for a part of it: the first steps of a rebuild go well, and the last does not.
    let room = (memory(&redis) - (800 << 10)).to_string();
    redis.run(&["CONFIG", "SET", "maxmemory", &room]);
    redis.run(&["FLUSHALL"]);
    let (wait_s, rebuilds) = eventually("it waits longer each time", || {
        let status = status(&daemon);
        let reason = status["live"]["reason"].as_str().unwrap_or_default();
        let wait_s = reason
            .strip_suffix(" s")
            .and_then(|reason| reason.rsplit_once("rebuilt in "))
            .and_then(|(_, wait_s)| wait_s.parse::<f64>().ok());
        let rebuilds = status["counters"]["rebuilds"].as_f64();
        let told = wait_s.filter(|wait_s| *wait_s >= 2.0).zip(rebuilds);
        told.filter(|_| reason.contains("out of memory"))
            .ok_or(status.to_string())
    });
    // Twice as long after each, from half a second on, and one at the start.
    assert!(
        rebuilds <= (wait_s / 0.25).log2() + 1.0,
        "{rebuilds} rebuilds, then {wait_s} s"
    );
    assert_eq!(daemon.get("/ready").status, 503);

    redis.run(&["CONFIG", "SET", "maxmemory", "0"]);
    let rebuilt = daemon.command(&["rebuild"]);
    assert!(rebuilt.status.success(), "nobody waits for the next time");
    eventually("the live view is whole", || is_ready(&daemon));
}
