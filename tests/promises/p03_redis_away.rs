//! P3: Redis killed, stopped, its clients killed, restarted, all while events come in: nothing is
//! lost or counted twice, `/ready` and the answers say where they come from, and intake and reads
//! go on.

use std::time::{Duration, Instant};

use super::{Load, arrivals, equals, sized};
use crate::harness::{Daemon, Redis, Setup, eventually, now_ms};
use crate::model::World;
use crate::model::load::shuffled;

const CURRENT: &str = "/api/agents/metrics/current";

/// Reads are answered all the while, and say that they come from history.
fn says_that_redis_is_away(daemon: &Daemon) {
    eventually("the daemon says that Redis is away", || {
        let read = daemon.get(CURRENT);
        assert_eq!(read.status, 200, "{}", read.text());
        let (source, ready) = (read.header("x-agentpulse-source"), daemon.get("/ready"));
        let says = source == Some("history") && ready.status == 503;
        says.then_some(())
            .ok_or(format!("{source:?}, ready: {}", ready.text()))
    });
}

fn says_that_redis_is_there(daemon: &Daemon) {
    eventually("the daemon says that Redis is back", || {
        let (read, ready) = (daemon.get(CURRENT), daemon.get("/ready"));
        let source = read.header("x-agentpulse-source");
        (source != Some("history") && ready.status == 200)
            .then_some(())
            .ok_or(format!("{source:?}, ready: {}", ready.text()))
    });
}

/// A way in which Redis goes and comes back.
type Blow = fn(&mut Redis, &Daemon);

fn killed(redis: &mut Redis, daemon: &Daemon) {
    redis.kill();
    says_that_redis_is_away(daemon);
    redis.restart();
}

fn stopped(redis: &mut Redis, daemon: &Daemon) {
    redis.pause();
    let paused = Instant::now();
    says_that_redis_is_away(daemon);
    let stays = sized(Duration::ZERO, Duration::from_secs(10));
    eventually("it was stopped for long enough", || {
        (paused.elapsed() >= stays)
            .then_some(())
            .ok_or(String::new())
    });
    redis.resume();
}

fn disconnected(redis: &mut Redis, _: &Daemon) {
    for _ in 0..5 {
        redis.run(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }
}

fn restarted(redis: &mut Redis, _: &Daemon) {
    redis.run(&["SAVE"]);
    redis.restart();
}

#[test]
fn p03_redis_may_go_in_every_way_while_events_come_in() {
    let blows: [Blow; 4] = [killed, stopped, disconnected, restarted];
    let rounds = sized(1, 5);
    let mut redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    let at_ms = now_ms();
    let lines = shuffled(sized(4_000, 100_000), at_ms);
    let mut parts = lines.chunks(lines.len().div_ceil(rounds * blows.len()));
    for blow in blows.iter().cycle().take(rounds * blows.len()) {
        let part = parts.next().expect("a part for each");
        let load = Load::start(&daemon.socket(), part, 2);
        load.wait_for(part.len() / 3);
        blow(&mut redis, &daemon);
        // Whatever became of Redis, events are taken.
        load.finish();
        says_that_redis_is_there(&daemon);
    }
    equals(&daemon, &redis, &World::of(&arrivals(&lines, at_ms)));
}
