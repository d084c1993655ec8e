//! The hook program and the daemon together: a captured run arrives, whether the daemon is there
//! or not, and once.

use std::io::{Write, pipe};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Daemon, eventually};
use crate::setup::Setup;

/// Two agents of a real session, one line a payload.
const CAPTURED: &str = include_str!("data/two-parallel-agents.jsonl");

/// Built beside the daemon: both are members of the workspace.
pub fn program() -> PathBuf {
    let daemon = PathBuf::from(env!("CARGO_BIN_EXE_agentpulse"));
    let hook = daemon.with_file_name("agentpulse-hook");
    assert!(
        hook.exists(),
        "cargo test --workspace builds {}",
        hook.display()
    );
    hook
}

pub fn hook(daemon: &Daemon, payload: &Value) {
    // In the pipe before the program starts, which reads for 45 ms and no longer.
    let (input, mut writer) = pipe().expect("a pipe");
    writer
        .write_all(payload.to_string().as_bytes())
        .expect("a pipe holds a payload");
    drop(writer);
    let child = Command::new(program())
        .arg("claude-code")
        .env("AGENTPULSE_SOCKET", daemon.socket())
        .env("AGENTPULSE_SPOOL", daemon.data.join("spool"))
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the hook program starts");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}

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
        hook(&daemon, &payload);
    }
    eventually("both agents have ended", || ended(&daemon));
    let told = daemon
        .read("/api/agents/metrics/current")
        .expect("a picture");
    assert_eq!(
        (&told["active_agents"], &told["executions_today"]),
        (&0.into(), &2.into())
    );
    let one = daemon
        .read("/api/agents/executions/aa65abfee8195c6ff")
        .expect("kept");
    assert_eq!(one["session_id"], "ad87c308-c7d8-466a-9e72-1dd77ca04f28");
    assert_eq!(one["source"], "claude-code");
}

#[test]
fn what_was_spooled_while_the_daemon_was_away_is_counted_once() {
    let mut daemon = Setup::new().start();
    daemon.kill9();
    for payload in payloads() {
        hook(&daemon, &payload);
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
    eventually("both agents have ended", || ended(&daemon));
    for line in lines {
        std::fs::write(spool.join("00000000000000000001-again.json"), line).expect("a file");
        eventually("it is taken", || match spooled() {
            0 => Ok(()),
            some => Err(format!("{some} lie there")),
        });
    }
    eventually("both agents are still one execution each", || {
        ended(&daemon)
    });
}
