//! The health report: every part with a verdict, also when parts are gone.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Daemon, Redis, Setup, eventually};

const PARTS: [&str; 11] = [
    "config",
    "database",
    "definitions",
    "disk",
    "history",
    "hooks",
    "journal",
    "live",
    "redis",
    "spool",
    "tasks",
];

fn report(daemon: &Daemon) -> Value {
    let response = daemon.get("/api/system/health");
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("application/json"));
    response.json()
}

/// Asks until the whole and one part have these verdicts.
fn wait_for(daemon: &Daemon, whole: &str, part: &str, verdict: &str) -> Value {
    eventually("the verdicts", || {
        let told = report(daemon);
        if told["status"] == whole && told["checks"][part]["status"] == verdict {
            Ok(told)
        } else {
            Err(format!("{told:#}"))
        }
    })
}

#[test]
fn a_daemon_that_is_well_says_so_with_figures() {
    let daemon = Setup::new().start();
    daemon.accept(&[
        json!({"event":"start","agent_id":"a","agent_name":"zorp"}),
        json!({"event":"stop","agent_id":"b","agent_name":"zorp"}),
    ]);
    let told = eventually("both executions are in history", || {
        let told = report(&daemon);
        match (&told["status"], &told["checks"]["database"]["executions"]) {
            (status, count) if status == "ok" && *count == 2 => Ok(told),
            _ => Err(format!("{told:#}")),
        }
    });
    let checks = told["checks"].as_object().expect("an object");
    assert_eq!(checks.keys().map(String::as_str).collect::<Vec<_>>(), PARTS);
    for (name, check) in checks {
        assert_eq!(check["status"], "ok", "{name}");
        assert!(check["reason"].is_null(), "{name}");
    }
    assert_eq!(checks["journal"]["head"], 2);
    assert_eq!(checks["history"]["applied"], 2);
    assert_eq!(checks["live"]["condition"], "following");
    assert_eq!(checks["redis"]["private"], true);
    assert!(checks["redis"]["memory_bytes"].as_u64() > Some(100_000));
    assert!(checks["disk"]["free_bytes"].as_u64() > Some(0));
    assert!(checks["journal"]["last_write_age_ms"].is_u64());
    assert!(
        checks["hooks"]["last_event_age_ms"].is_null(),
        "none was heard"
    );

    let hook = json!({"event":"hook","id":"00112233445566778899aabbccddeeff",
        "source":"claude-code","observed_at":crate::harness::now_ms(),
        "payload":{"hook_event_name":"SubagentStart","agent_id":"h","agent_type":"zorp",
            "session_id":"s"}});
    daemon.send(&[hook]);
    eventually("the hook was heard", || {
        let told = report(&daemon);
        match told["checks"]["hooks"]["last_event_age_ms"].as_u64() {
            Some(age_ms) if age_ms < 60_000 => Ok(()),
            _ => Err(format!("{told:#}")),
        }
    });
}

#[test]
fn without_redis_it_is_degraded_and_says_why() {
    let mut redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    wait_for(&daemon, "ok", "redis", "ok");
    redis.kill();
    let told = wait_for(&daemon, "degraded", "redis", "failed");
    assert!(told["checks"]["redis"]["reason"].is_string());
    assert!(told["checks"]["redis"]["memory_bytes"].is_null());
    let told = wait_for(&daemon, "degraded", "live", "degraded");
    let reason = told["checks"]["live"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("away"), "{reason}");
    redis.restart();
    wait_for(&daemon, "ok", "live", "ok");
    // One that hangs is not waited for: the report comes without it.
    redis.pause();
    let told = wait_for(&daemon, "degraded", "redis", "degraded");
    let reason = told["checks"]["redis"]["reason"]
        .as_str()
        .expect("a reason");
    assert!(reason.contains("within"), "{reason}");
    redis.resume();
    wait_for(&daemon, "ok", "redis", "ok");
}

#[test]
fn lines_dropped_by_hooks_are_reported() {
    let daemon = Setup::new().start();
    let spool = daemon.data.join("spool");
    fs::create_dir_all(&spool).expect("the spool");
    fs::write(spool.join("refused"), "xxx").expect("three lines");
    eventually("three lines", || {
        let told = report(&daemon);
        match &told["checks"]["spool"]["lines_dropped"] {
            count if *count == 3 => Ok(()),
            _ => Err(format!("{told:#}")),
        }
    });
}
