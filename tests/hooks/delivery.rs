//! The hook program and the daemon together: a captured run arrives, whether the daemon is there
//! or not, and once.

use serde_json::Value;

use crate::harness::{Daemon, Setup, eventually, hook_program};

/// Two agents of a real session, one line a payload.
const CAPTURED: &str = include_str!("../data/two-parallel-agents.jsonl");

fn payloads() -> Vec<Value> {
    let lines = CAPTURED
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.map(|line| line["payload"].clone()).collect()
}

fn ended(daemon: &Daemon) -> Result<(), String> {
    let told = daemon.read("/api/agents/executions")?;
    let ended = told["executions"].as_array().expect("a list");
    let mut names: Vec<_> = ended
        .iter()
        .map(|one| {
            (
                one["agent_id"].as_str(),
                one["agent_name"].as_str(),
                one["status"].as_str(),
            )
        })
        .collect();
    names.sort_unstable();
    let expected = [
        (Some("aa65abfee8195c6ff"), Some("probe"), Some("success")),
        (
            Some("aafbabdb3902336ca"),
            Some("general-purpose"),
            Some("success"),
        ),
        (
            Some("main-8f7d7ac7-6f77-4352-8a85-4afbbfca027c"),
            Some("main"),
            Some("success"),
        ),
    ];
    if names == expected {
        Ok(())
    } else {
        Err(format!("{names:?}"))
    }
}

#[test]
fn a_captured_run_arrives_through_the_hook_program() {
    let daemon = Setup::new().start();
    for payload in payloads() {
        hook_program::run(&daemon, &payload);
    }
    eventually("all have ended", || ended(&daemon));
    let told = daemon
        .read("/api/agents/metrics/current")
        .expect("a picture");
    assert_eq!(
        (&told["active_agents"], &told["executions_today"]),
        (&0.into(), &3.into())
    );
    let one = daemon
        .read("/api/agents/executions/aa65abfee8195c6ff")
        .expect("kept");
    assert_eq!(one["session_id"], "ad87c308-c7d8-466a-9e72-1dd77ca04f28");
    assert_eq!(one["source"], "claude-code");
}

#[test]
fn lines_spooled_without_a_daemon_are_counted_once() {
    let mut daemon = Setup::new().start();
    daemon.kill9();
    for payload in payloads() {
        hook_program::run(&daemon, &payload);
    }
    let spool = daemon.data.join("spool");
    let spooled = || std::fs::read_dir(&spool).expect("the spool").count();
    assert_eq!(spooled(), payloads().len());
    let files = std::fs::read_dir(&spool).expect("the spool");
    let lines: Vec<Vec<u8>> = files
        .map(|file| std::fs::read(file.expect("an entry").path()).expect("a line"))
        .collect();
    daemon.restart();
    assert_eq!(spooled(), 0, "the spool is empty before the socket opens");
    eventually("all have ended", || ended(&daemon));
    for line in lines {
        std::fs::write(spool.join("00000000000000000001-again.json"), line).expect("a file");
        eventually("it is taken", || match spooled() {
            0 => Ok(()),
            some => Err(format!("{some} lie there")),
        });
    }
    eventually("all are still one execution each", || ended(&daemon));
}
