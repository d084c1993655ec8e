//! A restart of the daemon is no heartbeat: what was silent before has the time that it had
//! left, and what had a heartbeat a moment before is not ended early.

use serde_json::Value;

use crate::harness::events::{progress, start};
use crate::harness::{Daemon, Setup, eventually, now_ms};

const IDLE_MS: i64 = 5_000;
/// What a restart may add: a tenth of the time-out, because a sign of that time may be lost, and
/// with a kill the last second of listening.
const LAG_MS: i64 = 500;
const LOST_MS: i64 = 1_000;

fn daemon() -> Daemon {
    Setup::new()
        .set("reaper.idle_timeout", "\"5s\"")
        .set("reaper.tool_timeout", "\"5s\"")
        .start()
}

fn ms(time: &Value) -> i64 {
    let time: jiff::Timestamp = time.as_str().expect("a time").parse().expect("RFC 3339");
    time.as_millisecond()
}

/// So that time has passed in which the daemon listened.
fn listen_a_second(daemon: &Daemon) {
    eventually("the daemon listens for a second", || {
        let status = daemon.command(&["status", "--json"]).stdout;
        let status: Value = serde_json::from_slice(&status).map_err(|e| e.to_string())?;
        let uptime_s = status["uptime_s"].as_u64().unwrap_or(0);
        (uptime_s >= 1).then_some(()).ok_or(status.to_string())
    });
}

/// Its deadline, once the live view shows the same as the list.
fn deadline_ms(daemon: &Daemon, id: &str) -> i64 {
    eventually("both show one deadline", || {
        let told = daemon.read("/api/agents/active")?;
        let rows = told["active"].as_array().ok_or("no list")?;
        let row = rows.iter().find(|row| row["agent_id"] == id);
        let listed = ms(&row.ok_or(told.to_string())?["deadline"]);
        let live = daemon.redis(&["ZSCORE", "agents:deadlines", id]).text();
        let live = live.parse::<f64>().map_err(|e| e.to_string())? as i64;
        (listed == live)
            .then_some(listed)
            .ok_or(format!("{listed} is not {live}"))
    })
}

#[test]
fn restarts_neither_prolong_what_is_silent_nor_end_what_was_heard() {
    let mut daemon = daemon();
    let before_ms = now_ms();
    daemon.accept(&[start("silent"), start("alive")]);
    let after_ms = now_ms();
    let mut down_ms = 0;
    for is_killed in [false, true, false] {
        listen_a_second(&daemon);
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
