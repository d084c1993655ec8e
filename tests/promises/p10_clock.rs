//! P10: the wall clock an hour back and forth, and a sleep of eight hours: no negative duration,
//! nobody ended, no lost or doubled day.
//!
//! A sleep is a jump of the wall clock while the monotonic clock stands still, so that both are
//! made by libfaketime, which lets only the wall clock jump.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::sized;
use crate::harness::{Daemon, Redis, Run, Setup, eventually, faketime, folder};

/// Hours between the true time and the daemon's.
const JUMPS: [i64; 6] = [0, 1, 0, -1, 8, 0];

fn set_clock(file: &Path, hours: i64) {
    let next: PathBuf = file.with_extension("next");
    fs::write(&next, format!("{hours:+}h\n")).expect("a file");
    fs::rename(next, file).expect("our own file");
}

/// Without times of their own: the daemon stamps them.
fn start(id: &str) -> Value {
    Run::new(id).start()
}

fn stop(id: &str) -> Value {
    Run::new(id).called(json!({"Read": 1})).stop()
}

fn executions(daemon: &Daemon) -> Vec<Value> {
    let told = daemon
        .read("/api/agents/executions?limit=100")
        .expect("an answer");
    told["executions"].as_array().expect("a list").clone()
}

fn all_days(daemon: &Daemon) -> Result<(u64, u64), String> {
    let told = daemon.read("/api/agents/metrics/daily?days=30")?;
    let days = told["daily"].as_array().ok_or("no list")?;
    let sum = days
        .iter()
        .filter_map(|day| day["total_executions"].as_u64())
        .sum();
    let dates: std::collections::BTreeSet<String> =
        days.iter().map(|day| day["date"].to_string()).collect();
    Ok((sum, (days.len() - dates.len()) as u64))
}

#[test]
fn p10_a_clock_that_jumps_ends_nobody_and_loses_no_day() {
    let Some(library) = faketime() else {
        eprintln!("SKIPPED: libfaketime is not installed");
        return;
    };
    // The Redis keeps the true time: what is faked is one machine's clock, not its lifetimes.
    let redis = Redis::start();
    let clock = folder();
    let clock = clock.path().join("clock");
    set_clock(&clock, 0);
    let daemon = Setup::new()
        .redis(&redis)
        .set("reaper.idle_timeout", "\"10m\"")
        .set("reaper.tool_timeout", "\"30m\"")
        .environment("LD_PRELOAD", library)
        .environment("FAKETIME_TIMESTAMP_FILE", clock.to_str().expect("a path"))
        .environment("FAKETIME_NO_CACHE", "1")
        .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .environment("DONT_FAKE_MONOTONIC", "1")
        .start();
    let long = ["long-1", "long-2"];
    daemon.accept(&long.map(start));
    let mut ended = 0;
    for (n, hours) in JUMPS.into_iter().cycle().take(sized(6, 24)).enumerate() {
        // One runs over the jump, one begins after it, one begins and ends before the next.
        let over = format!("over-{n}");
        daemon.accept(&[start(&over)]);
        set_clock(&clock, hours);
        let (begun, whole) = (format!("begun-{n}"), format!("whole-{n}"));
        daemon.accept(&[start(&whole), stop(&whole), stop(&over), start(&begun)]);
        ended += 2;
        eventually("what has ended is counted once, and what runs runs", || {
            let told = daemon.read("/api/agents/metrics/current")?;
            let days = all_days(&daemon)?;
            let listed = executions(&daemon).len() as u64;
            let running = (long.len() + n + 1) as u64;
            // What ended by a clock that was ahead is of a day that has not come yet.
            let is_right = days.0 <= ended && days.1 == 0 && listed == ended;
            (is_right && told["active_agents"] == running)
                .then_some(())
                .ok_or(format!("{days:?}, {listed} of {ended}, {told}"))
        });
        for one in executions(&daemon) {
            let duration_ms = &one["duration_ms"];
            let is_right = duration_ms.is_null() || duration_ms.as_i64().is_some_and(|ms| ms >= 0);
            assert!(is_right, "{one}");
        }
    }
    daemon.accept(&long.map(stop));
    set_clock(&clock, 24);
    eventually("those that ran through all of it end", || {
        let days = all_days(&daemon)?;
        (days == (ended + 2, 0))
            .then_some(())
            .ok_or(format!("{days:?}"))
    });
}
