//! P2: everything sent three times more, shuffled, over the socket, HTTP and the spool at once:
//! every sum is that of the single run, also after the journal was pruned.

use std::fs;
use std::thread;

use serde_json::Value;

use super::{arrivals, sized};
use crate::check;
use crate::harness::{Daemon, Setup, eventually, now_ms, wire};
use crate::model::load::{ordered, shuffled};
use crate::model::{Totals, World};

const WAYS: usize = 3;

/// The lines in another order, the same for the same number.
fn turned(lines: &[Value], n: u32) -> Vec<Value> {
    let keys: Vec<u32> = (0..lines.len() as u32)
        .map(|at| (at ^ n).wrapping_mul(0x9E37_79B9).rotate_left(n % 31))
        .collect();
    ordered(lines.to_vec(), &keys)
}

fn text(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Sends all three copies at once and says what became of them where the way reports it.
fn send_by_all_ways(daemon: &Daemon, lines: &[Value], round: u32) -> Totals {
    thread::scope(|scope| {
        let socket = scope.spawn(|| {
            let lines = turned(lines, round * 3 + 1);
            let told = wire::tell(&daemon.socket(), text(&lines).as_bytes());
            told.expect("the socket answers").totals
        });
        let http = scope.spawn(|| {
            let lines = turned(lines, round * 3 + 2);
            let mut totals = Totals::default();
            for part in lines.chunks(500) {
                let body = text(part);
                let headers = [("content-type", "application/x-ndjson")];
                let answer =
                    daemon.request("POST", "/api/agents/events", &headers, body.as_bytes());
                assert_eq!(answer.status, 200, "{}", answer.text());
                totals = totals.plus(wire::totals(&answer.json()).expect("totals"));
            }
            totals
        });
        let spool = scope.spawn(|| spool(daemon, &turned(lines, round * 3 + 3)));
        spool.join().expect("the spool is taken");
        let socket = socket.join().expect("the socket's sender ends");
        socket.plus(http.join().expect("the sender by HTTP ends"))
    })
}

/// One line a file, as the hook program leaves them.
fn spool(daemon: &Daemon, lines: &[Value]) {
    let folder = daemon.data.join("spool");
    fs::create_dir_all(&folder).expect("the spool");
    for (n, line) in lines.iter().enumerate() {
        let name = format!("{}-{n:06}", now_ms());
        let hidden = folder.join(&name);
        fs::write(&hidden, line.to_string()).expect("a spooled line");
        fs::rename(&hidden, folder.join(format!("{name}.json"))).expect("our own file");
    }
    eventually("the spool is taken", || {
        let left = fs::read_dir(&folder).map_err(|e| e.to_string())?.count();
        (left == 0).then_some(()).ok_or(format!("{left} files"))
    });
}

#[test]
fn p02_three_times_over_three_ways_is_once() {
    let setup = Setup::new()
        .set("journal.keep_rows", "1")
        .set("journal.keep", "\"1s\"")
        .set("history.flush_interval", "\"200ms\"");
    let mut daemon = setup.start();
    let at_ms = now_ms();
    let lines = shuffled(sized(900, 5_000), at_ms);
    let world = World::of(&arrivals(&lines, at_ms));
    let own = world.totals;

    let first = send_by_all_ways(&daemon, &lines, 0);
    let told = (WAYS - 1) * lines.len();
    assert_eq!(first.handled(), told as u64, "every line is answered for");
    assert!(first.accepted <= own.accepted, "{first:?}");
    check::everywhere(&daemon, &world);

    for round in 1..=2 {
        assert!(daemon.command(&["prune"]).status.success());
        if round == 2 {
            daemon.kill9();
            daemon.restart();
        }
        let again = send_by_all_ways(&daemon, &lines, round);
        assert_eq!((again.accepted, again.rejected), (0, 0), "{again:?}");
        check::everywhere(&daemon, &world);
    }
}
