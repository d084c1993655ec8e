//! kill -9 of the daemon and of its Redis while events pour in: what was acknowledged is counted,
//! once.
//!
//! `AGENTPULSE_TEST_EVENTS` sets how many events are sent (3,000 when it is not set).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::check;
use crate::harness::{Daemon, deliver, eventually, now_ms};
use crate::load::shuffled;
use crate::model::{Arrival, World};
use crate::setup::Setup;
use crate::wire::{Client, RedisLink, Reply};

const SENDERS: usize = 4;
const DAEMON_KILLS: usize = 5;
const REDIS_KILLS: usize = 3;

fn events() -> usize {
    let asked = std::env::var("AGENTPULSE_TEST_EVENTS").ok();
    asked.map_or(3000, |count| {
        count.parse().expect("AGENTPULSE_TEST_EVENTS is a number")
    })
}

/// What happens once a certain share of the lines is acknowledged.
#[derive(Clone, Copy)]
enum Blow {
    Daemon,
    Redis,
    Both,
    Empty,
}

const BLOWS: [Blow; 9] = [
    Blow::Daemon,
    Blow::Redis,
    Blow::Daemon,
    Blow::Empty,
    Blow::Both,
    Blow::Daemon,
    Blow::Redis,
    Blow::Daemon,
    Blow::Empty,
];

fn strike(daemon: &mut Daemon, blow: Blow) {
    match blow {
        Blow::Daemon => {
            daemon.kill9();
            daemon.restart();
        }
        Blow::Redis => daemon.kill_redis(),
        Blow::Both => {
            daemon.kill9();
            daemon.kill_redis();
            daemon.restart();
        }
        // The server may be on its way back from the blow before.
        Blow::Empty => eventually("Redis can be emptied", || {
            let link = RedisLink::connect(&daemon.redis_socket());
            let told = link.and_then(|mut redis| redis.run(&["FLUSHALL"]));
            if told
                .as_ref()
                .is_ok_and(|told| *told == Reply::Text("OK".to_owned()))
            {
                return Ok(());
            }
            Err(format!("{told:?}"))
        }),
    }
}

#[test]
fn nothing_acknowledged_is_lost_or_counted_twice_whatever_is_killed() {
    let kills = |chosen: fn(&&Blow) -> bool| BLOWS.iter().filter(chosen).count();
    assert_eq!(
        kills(|blow| matches!(blow, Blow::Daemon | Blow::Both)),
        DAEMON_KILLS
    );
    assert_eq!(
        kills(|blow| matches!(blow, Blow::Redis | Blow::Both)),
        REDIS_KILLS
    );

    let mut daemon = Setup::new().start();
    let at_ms = now_ms();
    let lines = shuffled(events(), at_ms);
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = lines
        .chunks(lines.len().div_ceil(SENDERS))
        .map(|part| {
            let (socket, part) = (daemon.socket(), part.to_vec());
            let acknowledged = Arc::clone(&acknowledged);
            thread::spawn(move || deliver(&socket, &part, &acknowledged))
        })
        .collect();
    for (n, blow) in BLOWS.into_iter().enumerate() {
        let share = lines.len() * (n + 1) / (BLOWS.len() + 2);
        eventually("events are acknowledged", || {
            let done = acknowledged.load(Ordering::SeqCst);
            if done >= share {
                Ok(())
            } else {
                Err(format!("{done} of {share}"))
            }
        });
        strike(&mut daemon, blow);
    }
    for sender in senders {
        sender.join().expect("every line was acknowledged");
    }
    assert_eq!(acknowledged.load(Ordering::SeqCst), lines.len());
    let world = World::of(&arrivals(&lines, at_ms));
    check::everywhere(&daemon, &world);

    let (_, again) = daemon.send(&lines);
    assert_eq!(
        again.totals.accepted, 0,
        "all of it is known: {:?}",
        again.totals
    );
    assert_eq!(daemon.sigterm().code(), Some(0));
    daemon.restart();
    check::everywhere(&daemon, &world);
}

#[test]
fn an_event_survives_a_kill_right_after_its_acknowledgement() {
    let mut daemon = Setup::new().start();
    let lines = shuffled(300, now_ms());
    let mut first = 0;
    for part in [1, 1, 2, 50, lines.len() - 54] {
        let mut client = Client::connect(&daemon.socket()).expect("the socket is open");
        for line in &lines[first..first + part] {
            client.send_line(line).expect("the daemon reads");
        }
        let answer = client
            .read_until(part as u64)
            .expect("totals while it is open");
        assert_eq!(answer.totals.handled(), part as u64);
        daemon.kill9();
        daemon.restart();
        first += part;
    }
    check::everywhere(&daemon, &World::of(&arrivals(&lines, now_ms())));
}

fn arrivals(lines: &[Value], at_ms: i64) -> Vec<Arrival> {
    lines
        .iter()
        .map(|line| Arrival {
            line: line.clone(),
            at_ms,
        })
        .collect()
}
