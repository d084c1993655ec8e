//! What the existing dashboard's hooks post: a stop of which they do not know the id, and numbers
//! that they write as 0 because they do not know them.

use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Daemon, Setup, eventually};

const CURRENT: &str = "/api/agents/metrics/current";
const COMPLETE: &str = "/api/agents/complete";

/// All that its stop hook sends of a subagent of which it found neither a start nor numbers.
fn unknown_stop() -> Value {
    json!({
        "agent_id": null, "agent_name": "code-reviewer", "agent_type": "reviewer",
        "task_description": "", "duration": null, "duration_ms": 0, "result_summary": "",
        "error_occurred": false, "status": "success", "files_affected": 0, "tests_run": 0,
        "tools_used": [], "tool_calls": {}, "success_indicators": [], "performance_metrics": {},
        "token_usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
            "estimated_cost": 0.0},
        "code_reviewed": false, "display_name": "Reviewer",
        "output_metrics": {"files_created": 0, "tests_failed": 0},
    })
}

fn post(daemon: &Daemon, path: &str, body: &Value) -> Value {
    let kind = [("content-type", "application/json")];
    let told = daemon.request("POST", path, &kind, body.to_string().as_bytes());
    assert_eq!(told.status, 200, "{}", told.text());
    told.json()
}

/// Once history has it.
#[track_caller]
fn execution(daemon: &Daemon, id: &str) -> Value {
    eventually("it is known by its id", || {
        daemon.read(&format!("/api/agents/executions/{id}"))
    })
}

fn id_of(told: &Value) -> String {
    told["agent_id"].as_str().expect("an id").to_owned()
}

#[track_caller]
fn counts(daemon: &Daemon, executions: u64, active: u64) -> Value {
    eventually("all are counted", || {
        let told = daemon.read(CURRENT)?;
        let all = told["executions_today"] == executions && told["active_agents"] == active;
        if all { Ok(told) } else { Err(told.to_string()) }
    })
}

#[test]
fn a_stop_without_an_id_is_a_run_and_its_zeros_are_unknown() {
    let daemon = Setup::new().start();
    let first = id_of(&post(&daemon, COMPLETE, &unknown_stop()));
    let one = execution(&daemon, &first);
    assert_eq!(one["agent_name"], "code-reviewer");
    assert_eq!(one["status"], "success");
    for unknown in ["duration_ms", "token_usage"] {
        assert_eq!(one[unknown], Value::Null, "{unknown}: {one}");
    }

    // The same again is another run, as is one with an empty id, and one without the field.
    let mut known = unknown_stop();
    known["agent_id"] = json!("");
    known["duration"] = json!(2.5);
    known["token_usage"] = json!({"input_tokens": 1_500, "output_tokens": 2_300,
        "total_tokens": 0, "estimated_cost": 0.0});
    let mut lacking = unknown_stop();
    lacking
        .as_object_mut()
        .expect("an object")
        .remove("agent_id");
    let ids = [unknown_stop(), known, lacking].map(|stop| id_of(&post(&daemon, COMPLETE, &stop)));
    assert!(!ids.contains(&first) && ids[0] != ids[1] && ids[1] != ids[2]);
    let told = counts(&daemon, 4, 0);
    assert_eq!(told["tokens_used_today"], 3_800);
    // Of one the duration is known, and the others take nothing from the mean.
    assert_eq!(told["avg_duration_ms"], 2_500);
    let known = execution(&daemon, &ids[1]);
    assert_eq!(known["duration_ms"], 2_500);
    assert_eq!(known["token_usage"]["total_tokens"], 3_800);
    assert_eq!(
        known["token_usage"]["estimated_cost"],
        Value::Null,
        "{known}"
    );
}

#[test]
fn a_stop_with_the_id_of_its_start_ends_that() {
    let daemon = Setup::new().start();
    let start = json!({"agent_id": "ag_1", "agent_name": "code-reviewer", "task_description": "",
        "tools_granted": ["Read", ""], "context_size": 0, "source": "user_command",
        "session_id": "", "display_name": "Reviewer"});
    post(&daemon, "/api/agents/start", &start);
    counts(&daemon, 0, 1);
    let mut stop = unknown_stop();
    stop["agent_id"] = json!("ag_1");
    for _ in 0..2 {
        assert_eq!(id_of(&post(&daemon, COMPLETE, &stop)), "ag_1");
    }
    counts(&daemon, 1, 0);
    let one = execution(&daemon, "ag_1");
    // Between its start and its stop, which is not the 0 of the stop: an unknown duration of a run
    // that has both is their difference.
    let started = one["execution_start"].as_str().expect("a start");
    assert!(
        started < one["execution_end"].as_str().expect("an end"),
        "{one}"
    );
    assert!(
        one["duration_ms"].as_u64().expect("a duration") > 0,
        "{one}"
    );
    assert_eq!(one["session_id"], Value::Null);
}

#[test]
fn lines_without_an_id_are_runs_on_the_socket_and_over_events() {
    let daemon = Setup::new().start();
    let mut line = unknown_stop();
    line["event"] = json!("stop");
    let (_, answer) = daemon.send(&[line.clone(), line.clone()]);
    assert_eq!(answer.totals.accepted, 2, "{answer:?}");
    let (_, answer) = daemon.send(&[line.clone()]);
    assert_eq!(answer.totals.accepted, 1, "{answer:?}");
    let told = post(&daemon, "/api/agents/events", &json!([line, line]));
    assert_eq!(told["accepted"], 2, "{told}");
    counts(&daemon, 5, 0);
}

#[test]
fn a_spooled_line_without_an_id_counts_once_whatever_is_killed() {
    if !cfg!(debug_assertions) {
        eprintln!("skipped: a release build has no crash points");
        return;
    }
    let mut daemon = Setup::new().start();
    daemon.kill9();
    let mut line = unknown_stop();
    line["event"] = json!("stop");
    let spool = daemon.data.join("spool");
    std::fs::create_dir_all(&spool).expect("the spool");
    for name in ["00000000000000000001-a.json", "00000000000000000002-b.json"] {
        std::fs::write(spool.join(name), line.to_string()).expect("a file");
    }
    // It dies between the commit and the removal of the files.
    daemon.setup = daemon.setup.clone().crash_at("commit.published:1");
    daemon.respawn();
    let signal = daemon.wait_end().signal();
    assert_eq!(signal, Some(Signal::ABORT.as_raw()));
    assert_eq!(std::fs::read_dir(&spool).expect("the spool").count(), 2);
    daemon.setup = daemon.setup.clone().without_crash();
    daemon.restart();
    assert_eq!(std::fs::read_dir(&spool).expect("the spool").count(), 0);
    counts(&daemon, 2, 0);
}
