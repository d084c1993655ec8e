//! Redis gone or hanging: events are taken, history answers with the same numbers,
//! and Redis is made whole again.

use serde_json::json;

use crate::check::{over_http, redis_keys};
use crate::harness::{Daemon, Redis, Setup, eventually, now_ms};
use crate::model::load::shuffled;
use crate::model::{Arrival, World};

const CURRENT: &str = "/api/agents/metrics/current";

fn arrivals(daemon: &Daemon, first: usize, last: usize, base_ms: i64) -> Vec<Arrival> {
    daemon.send(&shuffled(600, base_ms)[first..last]).0
}

fn from_history(daemon: &Daemon) -> bool {
    daemon.get(CURRENT).header("x-agentpulse-source") == Some("history")
}

#[track_caller]
fn reads_come_from(daemon: &Daemon, history: bool) {
    eventually("the source of reads", || {
        let told = from_history(daemon);
        if told == history {
            Ok(())
        } else {
            Err(format!("history: {told}"))
        }
    });
}

#[track_caller]
fn equals(daemon: &Daemon, redis: &Redis, world: &World) {
    eventually("HTTP equals the model", || over_http(daemon, world));
    eventually("Redis equals the model", || {
        redis_keys::everything(&redis.socket(), "", world)
    });
}

#[test]
fn a_redis_that_is_gone_costs_no_event_and_no_number() {
    let mut redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    let base_ms = now_ms();
    let mut all = arrivals(&daemon, 0, 200, base_ms);
    equals(&daemon, &redis, &World::of(&all));
    assert!(!from_history(&daemon));

    redis.kill();
    all.extend(arrivals(&daemon, 200, 400, base_ms));
    reads_come_from(&daemon, true);
    let world = World::of(&all);
    eventually("history equals the model", || over_http(&daemon, &world));
    assert!(from_history(&daemon));

    redis.restart();
    all.extend(arrivals(&daemon, 400, 600, base_ms));
    reads_come_from(&daemon, false);
    equals(&daemon, &redis, &World::of(&all));
}

#[test]
fn a_redis_that_hangs_delays_no_acknowledgement_and_no_number() {
    let redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    let base_ms = now_ms();
    let mut all = arrivals(&daemon, 0, 200, base_ms);
    equals(&daemon, &redis, &World::of(&all));

    redis.pause();
    all.extend(arrivals(&daemon, 200, 600, base_ms));
    reads_come_from(&daemon, true);
    let world = World::of(&all);
    eventually("history equals the model", || over_http(&daemon, &world));

    redis.resume();
    reads_come_from(&daemon, false);
    equals(&daemon, &redis, &world);
}

#[test]
fn a_daemon_that_starts_without_its_redis_serves_history_and_fills_redis_later() {
    let mut redis = Redis::start();
    let mut daemon = Setup::new().redis(&redis).start();
    let base_ms = now_ms();
    let mut all = arrivals(&daemon, 0, 300, base_ms);
    equals(&daemon, &redis, &World::of(&all));
    assert_eq!(daemon.sigterm().code(), Some(0));
    redis.restart();
    daemon.restart();
    all.extend(arrivals(&daemon, 300, 600, base_ms));
    equals(&daemon, &redis, &World::of(&all));
}

#[test]
fn a_foreign_key_in_our_place_breaks_live_until_a_rebuild() {
    let redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    let base_ms = now_ms();
    let mut all = arrivals(&daemon, 0, 100, base_ms);
    equals(&daemon, &redis, &World::of(&all));
    redis.run(&["DEL", "agents:active"]);
    redis.run(&["SET", "agents:active", "not a set"]);
    all.extend(daemon.accept(&[json!({"event":"start","agent_id":"w","agent_name":"zorp"})]));
    all.extend(arrivals(&daemon, 100, 300, base_ms));
    reads_come_from(&daemon, true);
    let world = World::of(&all);
    eventually("history equals the model", || over_http(&daemon, &world));
    let rebuilt = daemon.command(&["rebuild"]);
    assert!(
        rebuilt.status.success(),
        "{}",
        String::from_utf8_lossy(&rebuilt.stderr)
    );
    reads_come_from(&daemon, false);
    equals(&daemon, &redis, &world);
}

#[test]
fn two_daemons_share_a_redis_under_two_prefixes() {
    let redis = Redis::start();
    let setup = |prefix: &str| Setup::new().redis(&redis).set("redis.prefix", prefix);
    let (one, other) = (setup("\"one:\"").start(), setup("\"{two}:\"").start());
    let base_ms = now_ms();
    let (first, second) = (
        arrivals(&one, 0, 150, base_ms),
        arrivals(&other, 150, 300, base_ms),
    );
    for (daemon, prefix, all) in [(&one, "one:", &first), (&other, "{two}:", &second)] {
        let world = World::of(all);
        eventually("HTTP equals the model", || over_http(daemon, &world));
        eventually("its keys equal the model", || {
            redis_keys::everything(&redis.socket(), prefix, &world)
        });
    }
    assert!(one.command(&["rebuild"]).status.success());
    let (first, second) = (World::of(&first), World::of(&second));
    eventually("rebuilt", || {
        redis_keys::everything(&redis.socket(), "one:", &first)
    });
    eventually("untouched", || {
        redis_keys::everything(&redis.socket(), "{two}:", &second)
    });
}
