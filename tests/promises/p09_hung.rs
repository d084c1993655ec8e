//! P9: a hung agent leaves at its deadline, once; its late stop, or its revival, corrects every
//! total, also across midnight. The other half of it is in `reaper`.

use std::time::{Duration, Instant};

use serde_json::json;

use super::is_long;
use crate::check;
use crate::harness::{Daemon, Run, Setup, eventually, now_ms};
use crate::model::{Arrival, DAY_MS, World, rfc3339};

fn daemon(idle_timeout: &str) -> Daemon {
    let timeout = format!("\"{idle_timeout}\"");
    Setup::new()
        .set("reaper.idle_timeout", &timeout)
        .set("reaper.tool_timeout", &timeout)
        .start()
}

/// What the reaper did, for the model.
#[track_caller]
fn reaped(daemon: &Daemon, id: &str) -> Arrival {
    let end = eventually("the execution is ended as hung", || {
        let told = daemon.read(&format!("/api/agents/executions/{id}"))?;
        (told["status"] == "timeout")
            .then(|| told["execution_end"].clone())
            .ok_or(told.to_string())
    });
    let line = json!({"event":"timeout","agent_id":id,"execution_end":end});
    Arrival {
        line,
        at_ms: now_ms(),
    }
}

/// The last moment of yesterday, and the first of today.
fn midnight_ms() -> i64 {
    now_ms().div_euclid(DAY_MS) * DAY_MS
}

#[test]
fn p09_a_late_stop_of_the_other_day_moves_every_total() {
    let mut daemon = daemon("1s");
    let midnight_ms = midnight_ms();
    let yesterday_ms = midnight_ms - 1;
    let mut all = Vec::new();
    for id in ["a", "b", "c"] {
        all.extend(daemon.accept(&[Run::new(id).began(yesterday_ms - 5_000).start()]));
    }
    for id in ["a", "b", "c"] {
        all.push(reaped(&daemon, id));
    }
    check::everywhere(&daemon, &World::of(&all));

    // One ended a millisecond before midnight, one at midnight; the third reports again.
    let stop = |id: &str, end_ms: i64| {
        json!({"event":"stop","agent_id":id,"status":"success","duration_ms":5000,
            "execution_end":rfc3339(end_ms),"tool_calls":{"Read":3}})
    };
    all.extend(daemon.accept(&[stop("a", yesterday_ms), stop("b", midnight_ms)]));
    let world = World::of(&all);
    let days = world.by(|one| one.day());
    let [before, after] = [yesterday_ms, midnight_ms].map(crate::model::day);
    assert_eq!((days[&before].successes, days[&after].successes), (1, 1));
    check::everywhere(&daemon, &world);

    all.extend(
        daemon
            .send(&[json!({"event":"progress","agent_id":"c","progress":0.9})])
            .0,
    );
    all.push(reaped(&daemon, "c"));
    all.extend(daemon.accept(&[stop("c", yesterday_ms)]));
    let world = World::of(&all);
    assert_eq!(world.by(|one| one.day())[&before].successes, 2);
    check::everywhere(&daemon, &world);
    daemon.kill9();
    daemon.restart();
    check::everywhere(&daemon, &world);
}

/// The one promise with a time in it: in the long form, on a machine that is not busy.
#[test]
fn p09_it_leaves_within_a_second_of_its_deadline() {
    if !is_long() {
        return;
    }
    let daemon = daemon("3s");
    for n in 0..20 {
        let id = format!("a{n}");
        daemon.accept(&[Run::new(id.as_str()).began(now_ms()).start()]);
        let told = Instant::now();
        eventually("it leaves", || {
            let told = daemon.redis(&["SISMEMBER", "agents:active", &id]).text();
            let listed = daemon.redis(&["ZSCORE", "agents:timeline", &id]);
            (told == "0" && listed != crate::harness::wire::Reply::Nil)
                .then_some(())
                .ok_or(told)
        });
        let stayed = told.elapsed();
        let limits = Duration::from_millis(2_900)..Duration::from_millis(4_000);
        assert!(limits.contains(&stayed), "it stayed for {stayed:?}");
    }
}
