//! P1, placed: the daemon dies in every step of commit, apply, flush, prune and rebuild, each time
//! while events come in, and nothing is lost or counted twice.
//!
//! The places are failpoints of a debug build; a release build has none.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::{Load, arrivals, sized};
use crate::check;
use crate::harness::{Daemon, Setup, now_ms};
use crate::model::World;
use crate::model::load::shuffled;

/// The places, and what brings the daemon to them beside the load.
const COMMIT: [&str; 3] = ["commit.decided", "commit.journaled", "commit.published"];
const APPLY: [&str; 2] = ["apply.summed", "apply.answered"];
const FLUSH: [&str; 3] = ["flush.read", "flush.committed", "flush.told"];
const PRUNE: [&str; 3] = ["prune.reckoned", "prune.journal", "prune.history"];
const REBUILD: [&str; 5] = [
    "rebuild.held",
    "rebuild.marked",
    "rebuild.cleared",
    "rebuild.step",
    "rebuild.done",
];

/// Which passing of a place is fatal.
fn passings() -> &'static [u64] {
    sized(&[1][..], &[1, 2, 5][..])
}

#[track_caller]
fn dies_at(daemon: &mut Daemon, place: &str) {
    let status = daemon.wait_end();
    let signal = status.signal();
    let abort = Some(Signal::ABORT.as_raw());
    assert_eq!(signal, abort, "it was to die at {place}: {status}");
}

/// Sends lines to a daemon that dies at each of the places.
fn dies_at_all(places: &[&str], provoke: fn(&mut Daemon, u64)) {
    if !cfg!(debug_assertions) {
        eprintln!("skipped: a release build has no crash points");
        return;
    }
    let setup = Setup::new()
        .set("journal.keep_rows", "1")
        .set("journal.keep", "\"1s\"")
        .set("history.flush_interval", "\"100ms\"");
    let mut daemon = setup.start();
    let at_ms = now_ms();
    let lines = shuffled(200 * places.len() * passings().len(), at_ms);
    let mut parts = lines.chunks(200);
    let mut sent: Vec<Value> = Vec::new();
    for place in places {
        for passing in passings() {
            let part = parts.next().expect("enough for all");
            daemon.kill9();
            daemon.setup = daemon.setup.clone().crash_at(&format!("{place}:{passing}"));
            daemon.respawn();
            // The later passings need a load that lasts for so many flushes and prunes.
            let pause = Duration::from_millis(100 * (passing - 1));
            let load = Load::paced(&daemon.socket(), part, pause);
            provoke(&mut daemon, *passing);
            dies_at(&mut daemon, place);
            daemon.setup = daemon.setup.clone().without_crash();
            daemon.restart();
            load.finish();
            sent.extend_from_slice(part);
        }
        check::everywhere(&daemon, &World::of(&arrivals(&sent, at_ms)));
    }
}

#[test]
fn p01_it_dies_in_a_commit() {
    dies_at_all(&COMMIT, |_, _| {});
}

#[test]
fn p01_it_dies_applying() {
    dies_at_all(&APPLY, |_, _| {});
}

#[test]
fn p01_it_dies_flushing() {
    dies_at_all(&FLUSH, |_, _| {});
}

#[test]
fn p01_it_dies_pruning() {
    dies_at_all(&PRUNE, |daemon, times| {
        // History is pruned at the start, where it may die, and when it is asked for.
        if daemon.wait_ready_or_end().is_some() {
            return;
        }
        for _ in 0..times {
            daemon.command(&["prune"]);
        }
    });
}

#[test]
fn p01_it_dies_rebuilding() {
    dies_at_all(&REBUILD, |daemon, times| {
        daemon.wait_ready();
        // Without a daemon the command itself would rebuild the live view.
        for _ in 0..times {
            daemon.request_rebuild();
        }
    });
}
