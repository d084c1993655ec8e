//! P1: acknowledged means counted, once, whenever the daemon and its Redis are killed.

use super::{Load, arrivals, sized};
use crate::check;
use crate::harness::wire::{Client, RedisLink, Reply};
use crate::harness::{Daemon, Setup, eventually, now_ms};
use crate::model::World;
use crate::model::load::shuffled;

const SENDERS: usize = 4;

/// What happens once a certain share of the lines is acknowledged.
#[derive(Clone, Copy, Debug)]
enum Blow {
    Daemon,
    Redis,
    Both,
    Empty,
}

const SHORT: [Blow; 9] = [
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
/// So often the blows above are repeated: 50 times the daemon is killed.
const LONG_ROUNDS: usize = 10;

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
fn p01_nothing_acknowledged_is_lost_or_counted_twice_whatever_is_killed() {
    let mut daemon = Setup::new().start();
    let at_ms = now_ms();
    let lines = shuffled(sized(3_000, 10_000), at_ms);
    let blows = SHORT.repeat(sized(1, LONG_ROUNDS));
    let load = Load::start(&daemon.socket(), &lines, SENDERS);
    for (n, blow) in blows.iter().enumerate() {
        load.wait_for(lines.len() * (n + 1) / (blows.len() + 2));
        strike(&mut daemon, *blow);
    }
    load.finish();
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
fn p01_an_event_survives_a_kill_right_after_its_acknowledgement() {
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
