//! P6: a Redis over its memory refuses a batch whole: nothing is lost, nothing half applied, and it
//! goes on when there is memory again.

use super::{Load, arrivals, equals, sized};
use crate::check::redis_keys;
use crate::harness::{Redis, Setup, eventually, now_ms};
use crate::model::World;
use crate::model::load::shuffled;

#[test]
fn p06_a_full_redis_is_caught_up_with_later() {
    let redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    let at_ms = now_ms();
    let lines = shuffled(sized(2_000, 50_000), at_ms);
    let half = lines.len() / 2;
    let before = daemon.send(&lines[..half]).0;
    equals(&daemon, &redis, &World::of(&before));

    redis.run(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let load = Load::start(&daemon.socket(), &lines[half..], 2);
    load.finish();
    eventually("the answers come from history", || {
        let read = daemon.get("/api/agents/metrics/current");
        let source = read.header("x-agentpulse-source").map(str::to_owned);
        (source.as_deref() == Some("history"))
            .then_some(())
            .ok_or(format!("{source:?}"))
    });
    // It is as it was: no part of a batch is in it.
    let untouched = redis_keys::everything(&redis.socket(), "", &World::of(&before));
    assert_eq!(untouched, Ok(()));
    let world = World::of(&arrivals(&lines, at_ms));
    eventually("history equals the model", || {
        crate::check::over_http(&daemon, &world)
    });

    redis.run(&["CONFIG", "SET", "maxmemory", "0"]);
    equals(&daemon, &redis, &world);
}
