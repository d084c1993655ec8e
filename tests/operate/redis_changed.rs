//! A Redis that is changed by others while the daemon runs: it is noticed, reported, and repaired.

use serde_json::Value;

use crate::check::{over_http, redis_keys};
use crate::harness::doctor::Person;
use crate::harness::{Daemon, Redis, Setup, eventually, now_ms};
use crate::model::World;
use crate::model::load::shuffled;

fn setup(redis: &Redis) -> Setup {
    Setup::new()
        .redis(redis)
        .set("redis.check_interval", "\"1s\"")
}

fn equals(daemon: &Daemon, redis: &Redis, world: &World) {
    eventually("HTTP equals the model", || over_http(daemon, world));
    eventually("Redis equals the model", || {
        redis_keys::everything(&redis.socket(), "", world)
    });
}

fn live(daemon: &Daemon) -> Value {
    let health = daemon.read("/api/system/health").expect("an answer");
    health["checks"]["live"].clone()
}

/// Waits for so many more looks.
fn is_checked(daemon: &Daemon, times: u64) {
    let checks = || live(daemon)["checks"].as_u64().expect("a count");
    let before = checks();
    eventually("Redis is looked at", || {
        let now = checks();
        (now >= before + times).then_some(()).ok_or(now.to_string())
    });
}

#[test]
fn unchanged_values_are_never_reported_as_changed() {
    let redis = Redis::start();
    let mut daemon = setup(&redis).start();
    let lines = shuffled(900, now_ms());
    let mut all = Vec::new();
    for part in lines.chunks(300) {
        all.extend(daemon.send(part).0);
        is_checked(&daemon, 1);
    }
    equals(&daemon, &redis, &World::of(&all));
    is_checked(&daemon, 2);
    assert!(daemon.command(&["rebuild"]).status.success());
    is_checked(&daemon, 1);
    assert_eq!(daemon.sigterm().code(), Some(0));
    daemon.restart();
    is_checked(&daemon, 2);
    assert_eq!(live(&daemon)["differences"], 0, "{}", live(&daemon));
    equals(&daemon, &redis, &World::of(&all));
}

#[test]
fn a_changed_number_is_noticed_told_and_mended_and_not_over_and_over() {
    let redis = Redis::start();
    let daemon = setup(&redis).start();
    let all = daemon.send(&shuffled(200, now_ms())).0;
    let world = World::of(&all);
    equals(&daemon, &redis, &world);
    let day = crate::model::rfc3339(now_ms())[..10].to_owned();
    let key = format!("metrics:daily:{day}");
    redis.run(&["HINCRBY", &key, "execution_count", "7"]);
    eventually("it is noticed", || {
        let told = live(&daemon);
        let names = told["last_difference"].as_str() == Some(&format!("{key} was changed"));
        names.then_some(()).ok_or(told.to_string())
    });
    equals(&daemon, &redis, &world);
    eventually("it follows again", || {
        let told = live(&daemon);
        (told["status"] == "ok")
            .then_some(())
            .ok_or(told.to_string())
    });
    assert_eq!(live(&daemon)["differences"], 1);
    eventually("it is counted", || {
        let metrics = daemon.get("/metrics").text();
        let told = metrics.contains("agentpulse_live_differences_total 1\n");
        told.then_some(()).ok_or(metrics)
    });
    let person = Person::of(&daemon).with("AGENTPULSE_REDIS__URL", redis.url());
    person
        .ask()
        .is("redis", "hint", &[&format!("{key} was changed")]);

    redis.run(&["DEL", &key]);
    eventually("it is broken", || {
        let told = live(&daemon);
        let reason = told["reason"].as_str().unwrap_or_default();
        let says = reason.contains(&format!("{key} is gone")) && reason.contains("goes on");
        (says && told["condition"] == "broken")
            .then_some(())
            .ok_or(told.to_string())
    });
    eventually("history answers", || over_http(&daemon, &world));
    assert!(daemon.command(&["rebuild"]).status.success());
    equals(&daemon, &redis, &world);
}

#[test]
fn a_server_that_is_told_to_make_room_is_not_believed_until_it_keeps_all() {
    let redis = Redis::start();
    let daemon = setup(&redis).start();
    let lines = shuffled(400, now_ms());
    let mut all = daemon.send(&lines[..200]).0;
    equals(&daemon, &redis, &World::of(&all));
    redis.run(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    eventually("it is not ready", || {
        let ready = daemon.get("/ready");
        let says = ready.status == 503 && ready.text().contains("maxmemory-policy is allkeys-lru");
        says.then_some(()).ok_or(ready.text())
    });
    // It drops what it holds, and the daemon says what is true.
    redis.run(&["CONFIG", "SET", "maxmemory", "1"]);
    redis.run(&["SET", "one", "more"]);
    all.extend(daemon.send(&lines[200..]).0);
    let world = World::of(&all);
    eventually("history answers", || over_http(&daemon, &world));
    redis.run(&["CONFIG", "SET", "maxmemory", "0"]);
    redis.run(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    equals(&daemon, &redis, &world);
    assert_eq!(daemon.get("/ready").status, 200);
}

#[test]
fn a_key_of_another_program_is_reported_once_and_left_alone() {
    let redis = Redis::start();
    let daemon = setup(&redis).start();
    let all = daemon.send(&shuffled(200, now_ms())).0;
    let world = World::of(&all);
    equals(&daemon, &redis, &world);
    let day = &crate::model::rfc3339(now_ms())[..10];
    for (seen, key, command) in [
        (1, format!("tools:agents:{day}:nobody"), "ZADD"),
        (2, "agent:active:nobody".to_owned(), "SET"),
    ] {
        let value = if command == "ZADD" {
            vec!["1", "Read"]
        } else {
            vec!["{}"]
        };
        let words: Vec<&str> = [command, key.as_str()].into_iter().chain(value).collect();
        redis.run(&words);
        eventually("it is noticed", || {
            let found = live(&daemon);
            let reason = found["last_difference"].as_str().unwrap_or_default();
            let says = reason == format!("{key} was written by another program");
            says.then_some(()).ok_or(found.to_string())
        });
        is_checked(&daemon, 2);
        let found = live(&daemon);
        assert_eq!(
            (&found["differences"], &found["status"]),
            (&seen.into(), &"ok".into())
        );
        assert_eq!(redis.run(&["EXISTS", &key]).text(), "1");
        redis.run(&["DEL", &key]);
    }
    equals(&daemon, &redis, &world);
}

#[test]
fn an_element_that_its_execution_is_not_is_found_and_repaired() {
    let redis = Redis::start();
    let daemon = setup(&redis).start();
    let stop = crate::harness::Run::new("a")
        .took(7)
        .ended(now_ms() - 1_000);
    let all = daemon.accept(&[stop.stop()]);
    let world = World::of(&all);
    equals(&daemon, &redis, &world);
    // As a hook writes that pushes for itself: its run is not in the history.
    let end = crate::model::rfc3339(now_ms());
    let element = format!(r#"{{"agent_id":"b","agent_name":"zorp","execution_end":"{end}"}}"#);
    redis.run(&["LPUSH", "agent:history:zorp", &element]);
    eventually("it is noticed", || {
        let found = live(&daemon);
        let says = found["last_difference"] == "agent:history:zorp was changed";
        says.then_some(()).ok_or(found.to_string())
    });
    eventually("it is gone", || {
        let length = redis.run(&["LLEN", "agent:history:zorp"]).text();
        (length == "1").then_some(()).ok_or(length)
    });
    equals(&daemon, &redis, &world);
}
