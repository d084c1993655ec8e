//! A daemon with nothing to do sleeps: it wakes when it is told of something, and seldom else.
//! Wakes are counted and not timed: a busy machine makes them fewer.

use std::fs;

use crate::harness::events::stop;
use crate::harness::{Daemon, Setup, eventually, now_ms};

/// Some more than today's 20 a second, and a third of what they were with four looks a second.
const MAX_WAKES_A_SECOND: i64 = 35;
/// Looks at its cursor, and what an alert and a ping ask.
const MAX_COMMANDS_A_SECOND: i64 = 5;
const WATCHED_MS: i64 = 6_000;

/// How often a thread of the daemon went to sleep.
fn wakes(daemon: &Daemon) -> i64 {
    let tasks = format!("/proc/{}/task", daemon.pid().as_raw_nonzero());
    let tasks = fs::read_dir(tasks)
        .expect("the threads of the daemon")
        .flatten();
    let of_task = |task: fs::DirEntry| -> i64 {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let mut lines = status.lines();
        let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.map_or(0, |count| count.trim().parse().expect("a count"))
    };
    tasks.map(of_task).sum()
}

fn commands(daemon: &Daemon) -> i64 {
    let info = daemon.redis(&["INFO", "stats"]).text();
    let mut lines = info.lines();
    let count = lines.find_map(|line| line.strip_prefix("total_commands_processed:"));
    count.expect("a count").trim().parse().expect("a count")
}

#[test]
fn a_daemon_at_rest_wakes_seldom() {
    let daemon = Setup::new().start();
    daemon.send(&[stop("a")]);
    eventually("the history has it", || {
        let found = daemon.read("/api/agents/executions")?;
        let is_there = found["executions"]
            .as_array()
            .is_some_and(|list| list.len() == 1);
        is_there.then_some(()).ok_or(found.to_string())
    });
    let (wakes_before, commands_before, began_ms) = (wakes(&daemon), commands(&daemon), now_ms());
    eventually("it has been watched for long enough", || {
        let watched_ms = now_ms() - began_ms;
        (watched_ms >= WATCHED_MS)
            .then_some(())
            .ok_or(format!("{watched_ms} ms"))
    });
    let seconds = (now_ms() - began_ms) / 1_000;
    let woke = (wakes(&daemon) - wakes_before) / seconds;
    assert!(woke <= MAX_WAKES_A_SECOND, "{woke} wakes a second");
    let asked = (commands(&daemon) - commands_before) / seconds;
    assert!(asked <= MAX_COMMANDS_A_SECOND, "{asked} commands a second");
}
