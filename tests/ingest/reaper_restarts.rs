//! A restart of the daemon is no heartbeat: what was silent before has the time that it had
//! left, and what had a heartbeat a moment before is not ended early.

use serde_json::{Value, json};

use crate::harness::events::{progress, start};
use crate::harness::wire::Reply;
use crate::harness::{Daemon, Setup, eventually, now_ms};

const IDLE_MS: i64 = 5_000;
/// What a restart may add: a tenth of the time-out, because a sign of that time may be lost, and
/// with a kill the last second of listening.
const LAG_MS: i64 = 500;
const LOST_MS: i64 = 1_000;

fn daemon(idle: &str) -> Daemon {
    Setup::new()
        .set("reaper.idle_timeout", &format!("\"{idle}\""))
        .set("reaper.tool_timeout", &format!("\"{idle}\""))
        .start()
}

fn ms(time: &Value) -> i64 {
    let time: jiff::Timestamp = time.as_str().expect("a time").parse().expect("RFC 3339");
    time.as_millisecond()
}

/// So that time has passed in which the daemon listened.
fn listen(daemon: &Daemon, least_s: u64) {
    eventually("the daemon listens for so long", || {
        let status = daemon.command(&["status", "--json"]).stdout;
        let status: Value = serde_json::from_slice(&status).map_err(|e| e.to_string())?;
        let uptime_s = status["uptime_s"].as_u64().unwrap_or(0);
        (uptime_s >= least_s)
            .then_some(())
            .ok_or(status.to_string())
    });
}

/// Its deadline, once the live view shows the same as the list.
fn deadline_ms(daemon: &Daemon, id: &str) -> i64 {
    eventually("both show one deadline", || {
        let told = daemon.read("/api/agents/active")?;
        let rows = told["active"].as_array().ok_or("no list")?;
        let row = rows.iter().find(|row| row["agent_id"] == id);
        let listed = ms(&row.ok_or(told.to_string())?["deadline"]);
        let live = match daemon.redis(&["ZSCORE", "agents:deadlines", id]) {
            Reply::Nil => return Err("the live view has none".to_owned()),
            live => live.text(),
        };
        let live_s: f64 = live.parse().map_err(|_| live.clone())?;
        let live = (live_s * 1e3).round() as i64;
        (listed == live)
            .then_some(listed)
            .ok_or(format!("{listed} is not {live}"))
    })
}

#[test]
fn restarts_neither_prolong_what_is_silent_nor_end_what_was_heard() {
    let mut daemon = daemon("5s");
    let before_ms = now_ms();
    daemon.accept(&[start("silent"), start("alive")]);
    let after_ms = now_ms();
    let mut down_ms = 0;
    for is_killed in [false, true, false] {
        listen(&daemon, 1);
        let heard_ms = now_ms();
        assert_eq!(daemon.send(&[progress("alive")]).1.totals.progress, 1);
        let ended_ms = now_ms();
        match is_killed {
            true => daemon.kill9(),
            false => drop(daemon.sigterm()),
        }
        daemon.restart();
        down_ms += now_ms() - ended_ms;
        // A heartbeat came a moment before: it has all of its time.
        assert!(deadline_ms(&daemon, "alive") >= heard_ms + IDLE_MS);
        assert_eq!(daemon.send(&[progress("alive")]).1.totals.progress, 1);
    }
    let end_ms = eventually("the silent one is ended", || {
        assert_eq!(daemon.send(&[progress("alive")]).1.totals.progress, 1);
        let told = daemon.read("/api/agents/executions/silent")?;
        (told["status"] == "timeout")
            .then(|| ms(&told["execution_end"]))
            .ok_or(told.to_string())
    });
    let least_ms = before_ms + IDLE_MS;
    let most_ms = after_ms + IDLE_MS + down_ms + LAG_MS + LOST_MS;
    assert!(
        (least_ms..=most_ms).contains(&end_ms),
        "{end_ms} is not in {least_ms}..={most_ms}, with {down_ms} ms down"
    );
    let alive = daemon.read("/api/agents/executions/alive").expect("known");
    assert_eq!(alive["status"], "running");
}

/// A start over HTTP and one over the socket, and the deadlines of both.
fn started(daemon: &Daemon) -> [i64; 2] {
    let post = json!({"agent_id": "http", "agent_name": "zorp"}).to_string();
    let kind = [("content-type", "application/json")];
    let told = daemon.request("POST", "/api/agents/start", &kind, post.as_bytes());
    assert_eq!(told.status, 200, "{}", told.text());
    daemon.accept(&[start("socket")]);
    deadlines(daemon)
}

fn deadlines(daemon: &Daemon) -> [i64; 2] {
    ["http", "socket"].map(|id| deadline_ms(daemon, id))
}

/// Restarts twice, and answers by how much each deadline then moved beyond the time that the daemon
/// was not there.
fn moved_by_two_restarts(daemon: &mut Daemon, is_killed: bool, listen_s: u64) -> [i64; 2] {
    let before = started(daemon);
    let mut down_ms = 0;
    for _ in 0..2 {
        listen(daemon, listen_s);
        let ended_ms = now_ms();
        match is_killed {
            true => daemon.kill9(),
            false => drop(daemon.sigterm()),
        }
        daemon.restart();
        // Its first look at the clock is after this.
        deadlines(daemon);
        down_ms += now_ms() - ended_ms;
    }
    let after = deadlines(daemon);
    assert!(after[0] >= before[0] && after[1] >= before[1]);
    [
        after[0] - before[0] - down_ms,
        after[1] - before[1] - down_ms,
    ]
}

#[test]
fn two_restarts_leave_a_plain_start_the_time_that_it_had() {
    // Within the 5 s after its start; a second or more each time.
    let moved = moved_by_two_restarts(&mut daemon("60s"), false, 1);
    assert!(moved.iter().all(|&ms| ms < 500), "{moved:?}");
}

#[test]
fn two_kills_leave_a_plain_start_the_time_that_it_had() {
    // A tenth of the time-out, in which a sign may be lost, has passed before the first.
    let moved = moved_by_two_restarts(&mut daemon("20s"), true, 3);
    assert!(moved.iter().all(|&ms| ms < 2 * LOST_MS + 300), "{moved:?}");
}
