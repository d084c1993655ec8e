//! The daemon's own stream: a snapshot, then every change or a new picture, whatever happens.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::events::{start, stop};
use crate::harness::watcher::{DASHBOARD, STREAM, Seen, Watcher, active, ended, id};
use crate::harness::{Daemon, Redis, Setup, eventually};

/// The elements of the next frames, until one of this kind is among them; that one is answered.
#[track_caller]
fn element(watcher: &mut Watcher, seen: &mut Seen, kind: &str) -> Value {
    for _ in 0..50 {
        let frame = seen.follow(watcher);
        let elements = frame["data"].as_array().cloned().unwrap_or_default();
        if let Some(found) = elements.into_iter().find(|element| element["kind"] == kind) {
            return found;
        }
    }
    panic!("no {kind} in 50 frames");
}

fn names(object: &Value) -> BTreeSet<String> {
    let object = object.as_object().expect("an object");
    object.keys().cloned().collect()
}

/// The picture against what the daemon answers.
#[track_caller]
fn equals_reads(daemon: &Daemon, seen: &Seen) {
    eventually("the reads say what was seen", || {
        let (active, ended) = (active(daemon)?, ended(daemon)?);
        if active != seen.active {
            return Err(format!("active: {active:?}, seen {:?}", seen.active));
        }
        if ended != seen.ended {
            let (all, seen) = (ended.len(), seen.ended.len());
            return Err(format!("{all} have ended, seen {seen}"));
        }
        Ok(())
    });
}

#[track_caller]
fn totals_are(daemon: &Daemon, seen: &Seen) -> bool {
    let told = daemon.read("/api/agents/metrics/current");
    let told = told.expect("the daemon answers");
    ["active_agents", "executions_today", "success_rate"]
        .iter()
        .all(|name| told[name] == seen.totals[name])
}

#[test]
fn a_snapshot_and_then_each_change_in_the_shapes_of_the_reads() {
    let daemon = Setup::new().start();
    daemon.accept(&[start("early")]);
    // Its change is behind the first picture, and does not come again after it.
    eventually("the live view has it", || {
        let health = daemon.read("/api/system/health")?;
        let live = &health["checks"]["live"];
        (live["applied"] == 1).then_some(()).ok_or(live.to_string())
    });
    let mut watcher = Watcher::connect(&daemon, STREAM);
    let snapshot = watcher.read();
    let current = daemon.read("/api/agents/metrics/current").expect("current");
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(names(&snapshot["data"]), names(&current));
    let listed = daemon.read("/api/agents/active").expect("active");
    assert_eq!(names(&snapshot["active"][0]), names(&listed["active"][0]));
    assert_eq!(snapshot["active"][0]["agent_id"], "early");
    let mut seen = Seen {
        seq: snapshot["seq"].as_u64().expect("a number"),
        active: ["early".to_owned()].into(),
        ..Seen::default()
    };

    daemon.accept(&[start("x")]);
    let started = element(&mut watcher, &mut seen, "started");
    assert_eq!(names(&started["execution"]), names(&listed["active"][0]));
    assert_eq!(started["execution"]["agent_id"], "x");
    // What is shown is true for reads as well, as soon as an answer that was kept is not fresh.
    let read = eventually("it runs for reads too", || {
        let listed = daemon.read("/api/agents/active")?;
        let rows = listed["active"].as_array().cloned().unwrap_or_default();
        let found = rows.into_iter().find(|row| row["agent_id"] == "x");
        found.ok_or_else(|| listed.to_string())
    });
    for name in ["start_time", "last_seen", "deadline", "agent_type"] {
        assert_eq!(started["execution"][name], read[name], "{name}");
    }

    let sign = json!({"event": "progress", "agent_id": "x", "progress": 0.5,
        "current_tool": "Bash"});
    daemon.send(&[sign]);
    let progress = element(&mut watcher, &mut seen, "progress");
    assert_eq!(names(&progress["execution"]), names(&read));
    assert_eq!(progress["execution"]["progress"], 0.5);
    assert_eq!(progress["execution"]["current_tool"], "Bash");

    daemon.accept(&[stop("x")]);
    let stopped = element(&mut watcher, &mut seen, "stopped");
    let item = eventually("history has it", || {
        daemon.read("/api/agents/executions/x").and_then(|item| {
            if item["status"] == "success" {
                Ok(item)
            } else {
                Err("it still runs there".to_owned())
            }
        })
    });
    assert_eq!(stopped["execution"], item);
    seen.until(&mut watcher, |seen| totals_are(&daemon, seen));

    daemon.accept(&[stop("late")]);
    element(&mut watcher, &mut seen, "stopped");
    let mut begin = start("late");
    begin["parent_agent_id"] = "early".into();
    daemon.accept(&[begin]);
    let corrected = element(&mut watcher, &mut seen, "corrected");
    assert_eq!(corrected["execution"]["parent_agent_id"], "early");
    equals_reads(&daemon, &seen);
}

#[test]
fn every_change_of_bursts_that_fit_is_seen_by_all() {
    let daemon = Setup::new().start();
    let mut watchers: Vec<Watcher> = (0..4).map(|_| Watcher::connect(&daemon, STREAM)).collect();
    let mut seen: Vec<Seen> = watchers.iter_mut().map(Seen::first).collect();
    for burst in 0..20 {
        let ids: Vec<String> = (0..50).map(|i| format!("x{burst}-{i}")).collect();
        // Of every burst five go on running.
        let stops = ids.iter().skip(5).map(|id| stop(id));
        let lines: Vec<Value> = ids.iter().map(|id| start(id)).chain(stops).collect();
        let expect = 95 * (burst + 1);
        daemon.accept(&lines);
        for (watcher, seen) in watchers.iter_mut().zip(&mut seen) {
            seen.until(watcher, |seen| seen.changes == expect);
        }
    }
    for (watcher, seen) in watchers.iter_mut().zip(&mut seen) {
        assert_eq!((seen.resyncs, seen.changes), (0, 1_900));
        assert_eq!((seen.active.len(), seen.ended.len()), (100, 900));
        equals_reads(&daemon, seen);
        seen.until(watcher, |seen| totals_are(&daemon, seen));
    }
    let same = seen.iter().all(|one| one.seq <= seen[0].seq + 2);
    assert!(same, "a client was sent frames of its own");
}

#[test]
fn more_than_frames_hold_is_seen_as_a_new_picture() {
    let daemon = Setup::new().start();
    let mut watcher = Watcher::connect(&daemon, STREAM);
    let mut seen = Seen::first(&mut watcher);
    for burst in 0..3 {
        let ids: Vec<String> = (0..700).map(|i| format!("x{burst}-{i}")).collect();
        let stops = ids.iter().skip(10).map(|id| stop(id));
        let lines: Vec<Value> = ids.iter().map(|id| start(id)).chain(stops).collect();
        daemon.accept(&lines);
    }
    let all = |seen: &Seen| seen.totals["executions_today"] == 2_070 && seen.active.len() == 30;
    seen.until(&mut watcher, all);
    assert!(seen.resyncs > 0, "4,140 changes in single frames: {seen:?}");
    assert!(seen.largest <= 200, "{} in one frame", seen.largest);
    assert_eq!(Ok(seen.active.clone()), active(&daemon));
    // A page reads again what has ended before the picture, and goes on from there.
    seen.ended = eventually("all have ended", || match ended(&daemon)? {
        all if all.len() == 2_070 => Ok(all),
        some => Err(format!("{} have ended", some.len())),
    });
    let before = seen.changes;
    daemon.accept(&[stop("x0-3")]);
    seen.until(&mut watcher, |seen| seen.changes > before);
    equals_reads(&daemon, &seen);
}

#[test]
fn a_client_that_joins_during_a_load_misses_nothing() {
    let daemon = Setup::new().start();
    let socket = daemon.socket();
    let lines: Vec<Value> = (0..60)
        .flat_map(|burst| {
            let ids: Vec<String> = (0..20).map(|i| format!("x{burst}-{i}")).collect();
            let stops: Vec<Value> = ids.iter().skip(1).map(|id| stop(id)).collect();
            ids.iter()
                .map(|id| start(id))
                .chain(stops)
                .collect::<Vec<_>>()
        })
        .collect();
    let load = std::thread::spawn(move || {
        let count = std::sync::atomic::AtomicUsize::new(0);
        crate::harness::deliver(&socket, &lines, &count);
    });
    let mut watchers = Vec::new();
    while !load.is_finished() {
        let mut watcher = Watcher::connect(&daemon, STREAM);
        let seen = Seen::first(&mut watcher);
        watchers.push((watcher, seen));
    }
    load.join().expect("everything is acknowledged");
    let expect: BTreeSet<String> = (0..60).map(|burst| format!("x{burst}-0")).collect();
    assert!(!watchers.is_empty());
    for (mut watcher, mut seen) in watchers {
        seen.until(&mut watcher, |seen| seen.active == expect);
    }
}

#[test]
fn a_hung_execution_and_one_that_comes_back() {
    let daemon = Setup::new()
        .set("reaper.idle_timeout", "\"1s\"")
        .set("reaper.tool_timeout", "\"1s\"")
        .start();
    let mut watcher = Watcher::connect(&daemon, STREAM);
    let mut seen = Seen::first(&mut watcher);
    daemon.accept(&[start("x")]);
    let stopped = element(&mut watcher, &mut seen, "stopped");
    assert_eq!(stopped["execution"]["status"], "timeout");
    daemon.send(&[json!({"event": "progress", "agent_id": "x"})]);
    let started = element(&mut watcher, &mut seen, "started");
    assert_eq!(id(&started["execution"]), "x");
}

#[test]
fn without_redis_the_stream_goes_on() {
    let mut redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    let mut watcher = Watcher::connect(&daemon, STREAM);
    let mut seen = Seen::first(&mut watcher);
    daemon.accept(&[start("a"), start("b")]);
    seen.until(&mut watcher, |seen| seen.active.len() == 2);
    redis.kill();
    daemon.accept(&[stop("a"), start("c")]);
    seen.until(&mut watcher, |seen| seen.changes == 4);
    seen.until(&mut watcher, |seen| totals_are(&daemon, seen));
    let mut other = Watcher::connect(&daemon, STREAM);
    assert_eq!(Seen::first(&mut other).active, seen.active);
    // It comes back empty, and is filled from history.
    redis.restart();
    daemon.accept(&[stop("b")]);
    let left: BTreeSet<String> = ["c".to_owned()].into();
    seen.until(&mut watcher, |seen| seen.active == left);
    assert_eq!(Ok(left), active(&daemon));
}

#[test]
fn a_daemon_that_stops_says_so_and_the_next_one_begins_anew() {
    let mut daemon = Setup::new().start();
    daemon.accept(&[start("a"), start("b")]);
    let mut watcher = Watcher::connect(&daemon, STREAM);
    let mut seen = Seen::first(&mut watcher);
    seen.until(&mut watcher, |seen| seen.active.len() == 2);
    let mut dashboard = Watcher::connect(&daemon, DASHBOARD);
    dashboard.read_type("terminal_status");
    assert_eq!(daemon.sigterm().code(), Some(0));
    let end = watcher.ended();
    assert_eq!(end.code(), Some(1001), "{end:?}");
    assert_eq!(dashboard.ended().code(), Some(1001));
    daemon.restart();
    let mut watcher = Watcher::connect(&daemon, STREAM);
    let again = Seen::first(&mut watcher);
    assert_eq!((again.seq, &again.active), (0, &seen.active));
    daemon.kill9();
    assert_eq!(watcher.ended().code(), None);
    daemon.restart();
    let mut watcher = Watcher::connect(&daemon, STREAM);
    assert_eq!(Seen::first(&mut watcher).active, seen.active);
}

#[test]
fn nothing_is_sent_while_nothing_happens() {
    let daemon = Setup::new().start();
    let mut watcher = Watcher::connect(&daemon, STREAM);
    Seen::first(&mut watcher);
    let mut dashboard = Watcher::connect(&daemon, DASHBOARD);
    dashboard.read_type("terminal_status");
    assert!(watcher.is_quiet(Duration::from_millis(1_500)));
    assert!(dashboard.is_quiet(Duration::from_millis(1_500)));
}
