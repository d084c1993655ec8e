//! P13: SIGTERM while events come in loses nothing, and ends within its deadline.

use std::time::{Duration, Instant};

use super::{Load, arrivals, sized};
use crate::check;
use crate::harness::{Setup, eventually, now_ms};
use crate::model::World;
use crate::model::load::shuffled;

/// For the intake, for the views, for Redis: what `daemon` gives each, together.
const DEADLINE: Duration = Duration::from_secs(35);

#[test]
fn p13_sigterm_under_load_loses_nothing() {
    let mut daemon = Setup::new().start();
    let at_ms = now_ms();
    let lines = shuffled(sized(3_000, 100_000), at_ms);
    let rounds = sized(4, 20);
    let load = Load::start(&daemon.socket(), &lines, 3);
    for round in 1..=rounds {
        load.wait_for(lines.len() * round / (rounds + 2));
        let told = Instant::now();
        assert_eq!(daemon.sigterm().code(), Some(0));
        assert!(told.elapsed() < DEADLINE, "{:?}", told.elapsed());
        daemon.restart();
    }
    load.finish();
    check::everywhere(&daemon, &World::of(&arrivals(&lines, at_ms)));
}

#[test]
fn p13_sigterm_drains_and_the_private_redis_goes_with_the_daemon() {
    let mut daemon = Setup::new().start();
    let (all, answer) = daemon.send(&shuffled(500, now_ms()));
    assert_eq!(answer.totals.rejected, 0);
    assert!(daemon.redis_pid().is_some());
    assert_eq!(daemon.sigterm().code(), Some(0));
    assert!(!daemon.socket().exists(), "the socket is taken away");
    eventually("no Redis is left behind", || match daemon.redis_pid() {
        None => Ok(()),
        Some(pid) => Err(format!("{pid:?}")),
    });
    daemon.restart();
    check::everywhere(&daemon, &World::of(&all));
}
