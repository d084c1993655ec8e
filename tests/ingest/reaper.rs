//! Executions that fell silent: they end as `timeout`, once, and come back with a new heartbeat.

use serde_json::{Value, json};

use crate::check;
use crate::harness::events::{progress, start};
use crate::harness::{Daemon, Run, Setup, eventually, now_ms};
use crate::model::{Arrival, World, rfc3339};

/// A daemon that calls an execution hung after this.
fn daemon(idle_timeout: &str) -> Daemon {
    let timeout = format!("\"{idle_timeout}\"");
    Setup::new()
        .set("reaper.idle_timeout", &timeout)
        .set("reaper.tool_timeout", &timeout)
        .start()
}

fn stop(id: &str, duration_ms: i64) -> Value {
    Run::new(id)
        .ended(now_ms())
        .took(duration_ms)
        .status("success")
        .stop()
}

fn active_ids(daemon: &Daemon) -> Result<Vec<String>, String> {
    let told = daemon.read("/api/agents/active")?;
    let rows = told["active"].as_array().ok_or("no list")?.iter();
    Ok(rows
        .filter_map(|row| row["agent_id"].as_str())
        .map(str::to_owned)
        .collect())
}

/// What the reaper did, for the model: `id` ended when history says it did.
#[track_caller]
fn reaped(daemon: &Daemon, id: &str) -> Arrival {
    let end = eventually("the execution is ended as hung", || {
        let told = daemon.read(&format!("/api/agents/executions/{id}"))?;
        let timeout = told["status"] == "timeout" && told["duration_ms"].is_null();
        if timeout {
            Ok(told["execution_end"].clone())
        } else {
            Err(told.to_string())
        }
    });
    let line = json!({"event":"timeout","agent_id":id,"execution_end":end});
    Arrival {
        line,
        at_ms: now_ms(),
    }
}

#[test]
fn a_hung_execution_times_out_once_and_its_late_stop_replaces_that() {
    let daemon = daemon("1s");
    let mut all = daemon.accept(&[start("a")]);
    all.push(reaped(&daemon, "a"));
    check::everywhere(&daemon, &World::of(&all));

    // By the time a second one has timed out, a second look at the first would have shown.
    all.extend(daemon.accept(&[start("b")]));
    all.push(reaped(&daemon, "b"));
    let world = World::of(&all);
    assert_eq!(world.tally(|_| true).timeouts, 2);
    check::everywhere(&daemon, &world);

    all.extend(daemon.accept(&[stop("a", 1234)]));
    let world = World::of(&all);
    assert_eq!(
        (
            world.tally(|_| true).timeouts,
            world.tally(|_| true).successes
        ),
        (1, 1)
    );
    check::everywhere(&daemon, &world);
    let (arrivals, answer) = daemon.send(&[stop("a", 99), start("a")]);
    assert_eq!(answer.totals.duplicate, 2);
    all.extend(arrivals);
    check::everywhere(&daemon, &World::of(&all));
}

#[test]
fn the_end_of_a_timeout_is_its_deadline() {
    let daemon = daemon("2s");
    let before_ms = now_ms();
    daemon.accept(&[start("a")]);
    let after_ms = now_ms();
    let end = reaped(&daemon, "a").line["execution_end"].clone();
    let end: jiff::Timestamp = end.as_str().expect("a time").parse().expect("RFC 3339");
    let end_ms = end.as_millisecond();
    let bounds = before_ms + 2000..=after_ms + 2000;
    assert!(bounds.contains(&end_ms), "{end_ms} is not in {bounds:?}");
}

#[test]
fn a_sign_of_life_reopens_a_timed_out_execution() {
    let daemon = daemon("2s");
    let mut all = daemon.accept(&[start("a")]);
    all.push(reaped(&daemon, "a"));
    check::everywhere(&daemon, &World::of(&all));
    let (arrivals, answer) = daemon.send(&[progress("a")]);
    assert_eq!(answer.totals.progress, 1);
    all.extend(arrivals);
    eventually("it runs again, and counts nowhere else", || {
        let told = daemon.read("/api/agents/metrics/current?timeRange=6h")?;
        let back = told["active_agents"] == 1 && told["executions_today"] == 0;
        if back { Ok(()) } else { Err(told.to_string()) }
    });
    all.push(reaped(&daemon, "a"));
    check::everywhere(&daemon, &World::of(&all));
    all.extend(daemon.accept(&[stop("a", 5)]));
    let world = World::of(&all);
    assert_eq!((world.ended.len(), world.tally(|_| true).successes), (1, 1));
    check::everywhere(&daemon, &world);
    all.extend(daemon.send(&[progress("a")]).0);
    check::everywhere(&daemon, &World::of(&all));
}

#[test]
fn signs_of_life_keep_an_execution_running() {
    let daemon = daemon("3s");
    daemon.accept(&[start("alive"), start("first")]);
    for hung in ["first", "second"] {
        if hung == "second" {
            daemon.accept(&[start(hung)]);
        }
        eventually("the silent one is gone, the other is not", || {
            assert_eq!(daemon.send(&[progress("alive")]).1.totals.progress, 1);
            let active = active_ids(&daemon)?;
            assert!(active.contains(&"alive".to_owned()), "{active:?}");
            if active == ["alive"] {
                Ok(())
            } else {
                Err(format!("{active:?}"))
            }
        });
    }
    assert_eq!(reaped(&daemon, "first").line["agent_id"], "first");
}

#[test]
fn a_stop_that_says_timeout_is_final() {
    let daemon = Setup::new().start();
    let mut all = daemon.accept(&[
        start("a"),
        json!({"event":"stop","agent_id":"a","status":"timeout","duration_ms":777,
            "execution_end":rfc3339(now_ms())}),
    ]);
    let (arrivals, answer) = daemon.send(&[stop("a", 5), progress("a")]);
    assert_eq!((answer.totals.duplicate, answer.totals.progress), (1, 1));
    all.extend(arrivals);
    let world = World::of(&all);
    assert_eq!(
        (world.ended[0].status, world.ended[0].duration_ms),
        ("timeout", Some(777))
    );
    check::everywhere(&daemon, &world);
}

#[test]
fn a_restart_reaps_nothing_that_had_no_time_to_tell() {
    let mut daemon = daemon("4s");
    let all = daemon.accept(&[start("a")]);
    check::everywhere(&daemon, &World::of(&all));
    daemon.kill9();
    daemon.restart();
    let (_, answer) = daemon.send(&[progress("a")]);
    assert_eq!(answer.totals.progress, 1);
    assert_eq!(active_ids(&daemon).expect("the list"), ["a"]);
    let end = reaped(&daemon, "a");
    let all: Vec<Arrival> = all.into_iter().chain([end]).collect();
    check::everywhere(&daemon, &World::of(&all));
}
