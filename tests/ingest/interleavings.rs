//! The sequences of events, crashes and restores that break a careless version, as far as they can
//! be brought about from outside.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::check;
use crate::harness::events::stop_at;
use crate::harness::{Daemon, Setup, eventually, now_ms};
use crate::model::load::shuffled;
use crate::model::{Arrival, DAY_MS, HOUR_MS, Totals, World, day, hour, rfc3339};

fn stops(prefix: &str, count: usize, end_ms: i64) -> Vec<Value> {
    (0..count)
        .map(|n| stop_at(&format!("{prefix}{n}"), end_ms - n as i64))
        .collect()
}

/// How many accepted events the journal still holds.
fn journal_rows(data: &Path) -> Result<i64, String> {
    let open = || -> rusqlite::Result<i64> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let journal = Connection::open_with_flags(data.join("journal.db"), flags)?;
        let of_events = "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'";
        let table: String = journal.query_row(of_events, [], |row| row.get(0))?;
        journal.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get(0)
        })
    };
    open().map_err(|e| e.to_string())
}

/// A daemon whose journal keeps next to nothing.
fn forgetful() -> Daemon {
    Setup::new()
        .set("journal.keep_rows", "1")
        .set("journal.keep", "\"1s\"")
        .start()
}

#[track_caller]
fn prune_all(daemon: &Daemon) {
    eventually("the journal is pruned", || {
        let pruned = daemon.command(&["prune"]);
        if !pruned.status.success() {
            return Err(String::from_utf8_lossy(&pruned.stderr).into_owned());
        }
        let rows = journal_rows(&daemon.data)?;
        if rows == 0 {
            Ok(())
        } else {
            Err(format!("{rows} rows"))
        }
    });
}

#[test]
fn one_event_after_all_rows_were_pruned_and_a_restart_is_counted() {
    let mut daemon = forgetful();
    let mut all = daemon.accept(&stops("a", 300, now_ms() - 1000));
    check::everywhere(&daemon, &World::of(&all));
    prune_all(&daemon);
    assert_eq!(daemon.sigterm().code(), Some(0));
    daemon.restart();
    all.extend(daemon.accept(&[stop_at("b", now_ms() - 1000)]));
    check::everywhere(&daemon, &World::of(&all));
    daemon.kill9();
    daemon.restart();
    all.extend(daemon.accept(&[stop_at("c", now_ms() - 1000)]));
    check::everywhere(&daemon, &World::of(&all));
}

#[test]
fn a_duplicate_is_known_after_its_journal_row_is_gone() {
    let mut daemon = forgetful();
    let lines = shuffled(200, now_ms());
    let (mut all, _) = daemon.send(&lines);
    check::everywhere(&daemon, &World::of(&all));
    prune_all(&daemon);
    for restarted in [false, true] {
        if restarted {
            daemon.kill9();
            daemon.restart();
        }
        let (again, answer) = daemon.send(&lines);
        assert_eq!(answer.totals.accepted, 0, "{:?}", answer.totals);
        all.extend(again);
        check::everywhere(&daemon, &World::of(&all));
    }
}

#[test]
fn a_batch_in_flight_when_the_daemon_dies_is_applied_once() {
    let mut daemon = Setup::new().start();
    let lines = shuffled(900, now_ms());
    let (mut all, _) = daemon.send(&lines[..300]);
    check::everywhere(&daemon, &World::of(&all));
    for (from, to) in [(300, 400), (400, 430), (430, 700)] {
        let redis = daemon.redis_pid().expect("a private Redis");
        kill_process(redis, Signal::STOP).expect("Redis runs");
        all.extend(daemon.send(&lines[from..to]).0);
        daemon.respawn();
        // If the daemon has replaced the server by now, there is nothing to wake.
        let _ = kill_process(redis, Signal::CONT);
        daemon.wait_ready();
        all.extend(daemon.send(&lines[to..to + 10]).0);
        check::everywhere(&daemon, &World::of(&all));
    }
}

#[test]
fn progress_before_its_start_or_after_its_stop_changes_nothing() {
    let daemon = Setup::new().start();
    let begin_ms = now_ms() - 5000;
    let progress = json!({"event":"progress","agent_id":"p","progress":0.9,"current_tool":"Read"});
    let start = json!({"event":"start","agent_id":"p","agent_name":"zorp",
        "start_time":rfc3339(begin_ms)});
    let mut all = Vec::new();
    for (line, totals) in [
        (
            &progress,
            Totals {
                progress: 1,
                ..Totals::default()
            },
        ),
        (
            &start,
            Totals {
                accepted: 1,
                ..Totals::default()
            },
        ),
        (
            &progress,
            Totals {
                progress: 1,
                ..Totals::default()
            },
        ),
        (
            &stop_at("p", begin_ms + 100),
            Totals {
                accepted: 1,
                ..Totals::default()
            },
        ),
        (
            &progress,
            Totals {
                progress: 1,
                ..Totals::default()
            },
        ),
    ] {
        let (arrivals, answer) = daemon.send(std::slice::from_ref(line));
        assert_eq!(answer.totals, totals, "{line}");
        all.extend(arrivals);
        check::everywhere(&daemon, &World::of(&all));
    }
    assert_eq!(daemon.redis(&["EXISTS", "agent:active:p"]).text(), "0");
}

#[test]
fn a_late_event_counts_in_its_day_and_makes_no_key_that_is_past_its_life() {
    let daemon = Setup::new().start();
    let at_ms = now_ms();
    let late_ms = at_ms - 10 * DAY_MS;
    let mut all = daemon.accept(&stops("now", 20, at_ms - 1000));
    check::everywhere(&daemon, &World::of(&all));
    all.extend(daemon.accept(&[stop_at("late", late_ms)]));
    check::everywhere(&daemon, &World::of(&all));
    let key = format!("metrics:hourly:{}:generic", hour(late_ms));
    assert_eq!(daemon.redis(&["EXISTS", &key]).text(), "0");
    let kept = daemon.redis(&[
        "TTL",
        &format!("metrics:hourly:{}:generic", hour(at_ms - 1000)),
    ]);
    let kept: i64 = kept.text().parse().expect("seconds");
    assert!(
        (7 * 86_400 - 10..=7 * 86_400 + 3600).contains(&kept),
        "{kept} s of life"
    );
}

#[test]
fn runs_of_last_month_are_taken_in_while_live_goes_on() {
    let daemon = Setup::new().start();
    let at_ms = now_ms();
    let (mut imported, mut live) = (Vec::new(), Vec::new());
    for n in 0..400 {
        imported.push(stop_at(
            &format!("old{n}"),
            at_ms - 26 * DAY_MS - n * HOUR_MS / 20,
        ));
        live.push(stop_at(&format!("new{n}"), at_ms - 1000 - n));
    }
    let socket = daemon.socket();
    let importer = std::thread::spawn(move || {
        let bytes: String = imported.iter().map(|line| format!("{line}\n")).collect();
        (
            crate::harness::wire::tell(&socket, bytes.as_bytes()).expect("an answer"),
            imported,
        )
    });
    let mut all = daemon.accept(&live);
    let (answer, imported) = importer.join().expect("the importer ends");
    assert_eq!(answer.totals.accepted, 400);
    all.extend(imported.into_iter().map(|line| Arrival { line, at_ms }));
    check::everywhere(&daemon, &World::of(&all));
}

#[test]
fn a_start_that_arrives_after_its_stop_fills_in_only_what_was_missing() {
    let daemon = Setup::new().start();
    let end_ms = now_ms() - 1000;
    let late_start = |id: &str| {
        json!({"event":"start","agent_id":id,"agent_name":"screenshot-analyzer",
            "agent_type":"custom-type","start_time":rfc3339(end_ms - 4000),
            "parent_agent_id":"parent","session_id":"s-1"})
    };
    let end = rfc3339(end_ms);
    let mut all = daemon.accept(&[
        json!({"event":"stop","agent_id":"nameless","execution_end":end}),
        json!({"event":"stop","agent_id":"named","agent_name":"code-review","execution_end":end,
            "duration_ms":70}),
    ]);
    check::everywhere(&daemon, &World::of(&all));
    let told = daemon
        .read("/api/agents/executions/nameless")
        .expect("kept");
    assert_eq!(
        (&told["agent_name"], &told["agent_type"]),
        (&json!("unknown"), &json!("generic"))
    );
    assert_eq!(told["duration_ms"], Value::Null);

    all.extend(daemon.accept(&[late_start("nameless"), late_start("named")]));
    let world = World::of(&all);
    check::everywhere(&daemon, &world);
    let of = |id: &str| {
        world
            .ended
            .iter()
            .find(|one| one.id == id)
            .expect("it ended")
    };
    assert_eq!(
        (of("nameless").name.as_str(), of("nameless").duration_ms),
        ("screenshot-analyzer", Some(4000))
    );
    assert_eq!(
        (of("named").name.as_str(), of("named").duration_ms),
        ("code-review", Some(70))
    );
    let told = daemon.read("/api/agents/executions/named").expect("kept");
    assert_eq!(told["agent_type"], "custom-type");
    assert_eq!(
        (&told["parent_agent_id"], &told["session_id"]),
        (&json!("parent"), &json!("s-1"))
    );
    let (again, answer) = daemon.send(&[late_start("nameless"), late_start("named")]);
    assert_eq!(answer.totals.duplicate, 2);
    all.extend(again);
    check::everywhere(&daemon, &World::of(&all));
}

#[test]
fn a_rebuild_changes_no_number() {
    let daemon = Setup::new().start();
    let lines = shuffled(700, now_ms());
    let (mut all, _) = daemon.send(&lines[..600]);
    check::everywhere(&daemon, &World::of(&all));
    let rebuilt = daemon.command(&["rebuild"]);
    assert!(
        rebuilt.status.success(),
        "{}",
        String::from_utf8_lossy(&rebuilt.stderr)
    );
    check::everywhere(&daemon, &World::of(&all));
    all.extend(daemon.send(&lines[600..]).0);
    check::everywhere(&daemon, &World::of(&all));
}

#[test]
fn a_daemon_killed_in_a_rebuild_finishes_it_after_its_start() {
    let mut daemon = Setup::new().start();
    let (all, _) = daemon.send(&shuffled(1500, now_ms()));
    check::everywhere(&daemon, &World::of(&all));
    let daily = format!("metrics:daily:{}", day(now_ms()));
    for half_written in ["agents:active", "agents:timeline", &daily] {
        daemon.kill9();
        daemon.redis(&["SET", "journal:cursor", "rebuilding"]);
        daemon.redis(&["DEL", half_written]);
        daemon.restart();
        check::everywhere(&daemon, &World::of(&all));
    }
}
