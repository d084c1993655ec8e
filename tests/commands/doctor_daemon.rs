//! What `agentpulse doctor` finds wrong with Redis, the clock, the daemon's version and its disk.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::thread;

use serde_json::json;

use crate::harness::doctor::Person;
use crate::harness::{Redis, Setup, faketime, folder};

#[test]
fn a_redis_that_forgets_is_away_or_is_anothers() {
    let mut redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    let person = Person::of(&daemon).with("AGENTPULSE_REDIS__URL", redis.url());
    let told = person.ask();
    told.is_well();
    told.is("redis", "hint", &["no append-only file"]);
    redis.run(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    person
        .ask()
        .only_error("redis", &["allkeys-lru", "noeviction"]);
    redis.run(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);

    let other = folder();
    let data = other.path().join("d");
    let stranger = Person::at(&data).with("AGENTPULSE_REDIS__URL", redis.url());
    let told = stranger.ask();
    told.is(
        "redis",
        "error",
        &["another daemon's numbers", "redis.prefix"],
    );
    let apart = Person::at(&data)
        .with("AGENTPULSE_REDIS__URL", redis.url())
        .with("AGENTPULSE_REDIS__PREFIX", "other:");
    apart.ask().only_error("daemon", &["not running"]);
    redis.kill();
    let told = person.ask();
    told.is(
        "redis",
        "error",
        &["Redis is away", "reads come from history"],
    );
}

#[test]
fn a_clock_that_was_set_back() {
    let Some(library) = faketime() else {
        writeln!(std::io::stderr(), "SKIPPED: libfaketime is not installed").expect("heard");
        return;
    };
    let redis = Redis::start();
    let mut daemon = Setup::new()
        .redis(&redis)
        .environment("LD_PRELOAD", library)
        .environment("FAKETIME", "+1h")
        .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .environment("DONT_FAKE_MONOTONIC", "1")
        .start();
    let person = Person::of(&daemon).with("AGENTPULSE_REDIS__URL", redis.url());
    person.ask().is_well();
    daemon.accept(&[json!({"event":"stop","agent_id":"a","agent_name":"zorp"})]);
    person.ask().only_error(
        "clock",
        &["the last event was accepted at", "set the clock"],
    );
    assert!(daemon.sigterm().success());
    person
        .ask()
        .is("clock", "error", &["the last event was accepted at"]);
}

/// No daemon of another version is available: one that speaks like it stands in.
#[test]
fn a_daemon_of_another_version() {
    let folder = folder();
    let data = folder.path().join("d");
    fs::create_dir(&data).expect("a folder");
    fs::set_permissions(&data, Permissions::from_mode(0o700)).expect("our own folder");
    for name in ["lock", "access.db"] {
        fs::write(data.join(name), "").expect("what a daemon has in its folder");
    }
    let _socket = UnixListener::bind(data.join("agentpulse.sock")).expect("a socket");
    let control = UnixListener::bind(data.join("control.sock")).expect("a socket");
    thread::spawn(move || {
        for stream in control.incoming() {
            let mut stream = stream.expect("a connection");
            let lines = BufReader::new(stream.try_clone().expect("a handle")).lines();
            let head = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty());
            assert!(head.count() > 0);
            let body = json!({"version": "0.0.1", "costs": []}).to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            // The client may have gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let told = Person::at(&data).ask();
    let words = [
        "version 0.0.1 runs",
        env!("CARGO_PKG_VERSION"),
        "restart the daemon",
    ];
    told.only_error("daemon", &words);
}

#[test]
fn data_in_memory_is_told() {
    let Some(setup) = Setup::new().on_a_disk_of_mib(700) else {
        writeln!(std::io::stderr(), "SKIPPED: no disk can be mounted here").expect("heard");
        return;
    };
    let daemon = setup.start();
    let told = Person::of(&daemon).ask();
    told.is_well();
    told.is("file system", "hint", &["is in memory", "data.dir"]);
}
