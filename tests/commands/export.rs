//! An export, while the daemon goes on.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Daemon, Run, Setup, eventually, now_ms};
use crate::model::rfc3339;

/// Far more than a pipe holds.
const EXECUTIONS: usize = 3_000;

fn stops(from: usize, to: usize) -> Vec<Value> {
    let error = json!({"message": "m".repeat(100)});
    let stop = |n| {
        let run = Run::new(format!("e{n}")).ended(now_ms() - 1000).took(5);
        run.stops_with("error_details", error.clone()).stop()
    };
    (from..to).map(stop).collect()
}

/// Empties the log of history, which a reader of an older moment would prevent.
fn empties_log(daemon: &Daemon) -> Result<(), String> {
    let path = daemon.data.join("history.db");
    let busy = Connection::open(path).and_then(|conn| {
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
            row.get::<_, i64>(0)
        })
    });
    match busy {
        Ok(0) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn a_reader_that_stalls_keeps_no_log_and_misses_nothing() {
    let daemon = Setup::new()
        .set("history.flush_interval", "\"100ms\"")
        .start();
    daemon.accept(&stops(0, EXECUTIONS));
    let mut export = Command::new(env!("CARGO_BIN_EXE_agentpulse"));
    export.args(["export", "--format", "jsonl", "--data-dir"]);
    let export = export.arg(&daemon.data).stdout(Stdio::piped()).spawn();
    let mut export = export.expect("it starts");
    let mut lines = BufReader::new(export.stdout.take().expect("piped")).lines();
    let first = lines.next().expect("a line").expect("UTF-8");
    // From here on it is read no further. What comes now is written to the log.
    daemon.accept(&stops(EXECUTIONS, EXECUTIONS + 500));
    let flushed = daemon.command(&["prune"]);
    assert!(flushed.status.success(), "{flushed:?}");
    eventually("the log of history can be emptied", || empties_log(&daemon));
    assert!(export.try_wait().expect("our own").is_none(), "it stalls");

    let id = |line: &str| {
        let item: Value = serde_json::from_str(line).expect("JSON");
        item["agent_id"].as_str().expect("an id").to_owned()
    };
    let rest = lines.map(|line| id(&line.expect("UTF-8")));
    let mut found: Vec<String> = [id(&first)].into_iter().chain(rest).collect();
    assert!(export.wait().expect("our own").success());
    let mut expect: Vec<String> = (0..EXECUTIONS).map(|n| format!("e{n}")).collect();
    found.sort();
    expect.sort();
    assert_eq!(found.len(), expect.len());
    assert!(found == expect, "each of them once");
}

#[test]
fn json_has_no_letter_that_a_terminal_obeys() {
    let daemon = Setup::new().start();
    let name = "a\u{200b}b\u{2066}c";
    daemon.accept(&[json!({"event":"stop","agent_id":"x","agent_name":name,
        "error_details":{"message":"\u{202e}m\u{200f}"},
        "execution_end":rfc3339(now_ms() - 1000)})]);
    for line in [
        "export --format jsonl",
        "executions --json",
        "agents --json",
        "top --once",
    ] {
        let told = eventually("it is in the history", || {
            let told = daemon.command(&line.split(' ').collect::<Vec<_>>());
            let text = String::from_utf8(told.stdout).expect("UTF-8");
            let is_there = line == "top --once" || text.contains('b');
            is_there.then_some(text).ok_or(line.to_owned())
        });
        let letters = ['\u{200b}', '\u{2066}', '\u{202e}', '\u{200f}', '\u{1b}'];
        assert!(!told.contains(letters), "{line}: {told:?}");
        if line.contains("json") {
            assert!(told.contains("a\\u200bb\\u2066c"), "{line}: {told}");
        }
    }
}
