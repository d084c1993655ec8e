//! What a load costs those who watch, counted in bytes: it does not depend on a quiet machine.

use std::time::Instant;

use serde_json::Value;

use crate::harness::Setup;
use crate::harness::events::{start, stop};
use crate::harness::watcher::{STREAM, Seen, Watcher, active};

/// More than a frame and a short list have, in a list of some 400 KB.
const RUNNING: usize = 700;
const BURSTS: usize = 8;
/// Of a burst, each of which starts and stops.
const RUNS: usize = 300;
const MAX_SHORT: usize = 50;
/// A short list has 32 KiB, and totals some hundred bytes.
const SHORT_BYTES: usize = 34 << 10;
/// At 96 KiB a second.
const WHOLE_EVERY_S: u64 = 3;

#[test]
fn a_load_is_totals_and_a_short_list_and_afterwards_a_longer_one_once() {
    let daemon = Setup::new().start();
    let mut watcher = Watcher::connect(&daemon, STREAM);
    let mut seen = Seen::first(&mut watcher);
    let running: Vec<Value> = (0..RUNNING).map(|i| start(&format!("r{i}"))).collect();
    daemon.accept(&running);
    let (mut short, mut whole) = (0, 0);
    let begun = Instant::now();
    let mut follow = |seen: &mut Seen| {
        let frame = seen.follow(&mut watcher);
        let omitted = frame["omitted"].as_u64().unwrap_or(0);
        let listed = frame["active"].as_array().map_or(0, Vec::len);
        if omitted > 0 {
            short += 1;
            assert!(listed <= MAX_SHORT, "{listed} are no short list");
        }
        if listed > MAX_SHORT {
            whole += 1;
        } else {
            assert!(watcher.bytes <= SHORT_BYTES, "{} bytes", watcher.bytes);
        }
        if frame["type"] == "resync" {
            assert!(frame["data"]["active_agent_details"].is_null(), "{frame}");
        }
    };
    for burst in 0..BURSTS {
        let ids: Vec<String> = (0..RUNS).map(|i| format!("x{burst}-{i}")).collect();
        let stops = ids.iter().map(|id| stop(id));
        let lines: Vec<Value> = ids.iter().map(|id| start(id)).chain(stops).collect();
        daemon.accept(&lines);
        while seen.totals["executions_today"] != (burst + 1) * RUNS {
            follow(&mut seen);
        }
    }
    while seen.active.len() < RUNNING {
        follow(&mut seen);
    }
    assert_eq!(seen.totals["active_agents"], RUNNING);
    assert_eq!(Ok(&seen.active), active(&daemon).as_ref());
    assert!(short >= BURSTS as u64 / 2, "{short} short lists");
    let seconds = begun.elapsed().as_secs();
    assert!(
        whole <= 1 + seconds / WHOLE_EVERY_S,
        "{whole} in {seconds} s"
    );

    // What ran is not sent again with each change.
    daemon.accept(&[stop("r0")]);
    let ended = BURSTS * RUNS + 1;
    while seen.totals["executions_today"] != ended {
        seen.follow(&mut watcher);
        assert!(watcher.bytes < 4 << 10, "{} bytes", watcher.bytes);
    }
    assert_eq!(seen.totals["active_agents"], RUNNING - 1);
}
