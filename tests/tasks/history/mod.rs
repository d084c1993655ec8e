//! Real clients claim, work, fail, give back and cancel, while the daemon and clients are killed.
//! What each was answered, and when, is checked task by task: it must be what one after the other
//! could have been answered.
//!
//! Of a client that is killed the connection is closed, and it forgets its task. Most come back by
//! the same name and are given what they held; some never do, and their leases end.

mod checker;
mod client;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Daemon, PAUSE, Setup};
use crate::promises::sized;
use checker::{Asked, Made, Op, Said, Status, is_linearizable};
use client::{Client, Shared};

const LEASE_S: u64 = 10;
const MAX_RETRIES: u32 = 10;
const MADE: Made = Made {
    max_retries: MAX_RETRIES,
    lease_us: LEASE_S * 1_000_000,
};

fn status(word: &str) -> Status {
    match word {
        "pending" => Status::Pending,
        "running" => Status::Running,
        "completed" => Status::Completed,
        "failed" => Status::Failed,
        "cancelled" => Status::Cancelled,
        other => panic!("a task is {other}"),
    }
}

/// Where all tasks stand in the end.
fn read_all(daemon: &Daemon, began: Instant, histories: &mut BTreeMap<i64, Vec<Op>>) {
    let mut page = "/api/tasks?limit=200".to_owned();
    loop {
        let begin = began.elapsed().as_micros() as u64;
        let list = daemon.read(&page).expect("the tasks");
        let end = began.elapsed().as_micros() as u64;
        for task in list["tasks"].as_array().expect("a list") {
            let stands = status(task["status"].as_str().expect("a status"));
            let retries = task["retry_count"].as_u64().expect("a number") as u32;
            let id = task["id"].as_i64().expect("a number");
            histories.entry(id).or_default().push(Op {
                asked: Asked::Read,
                said: Said::Done(stands, retries),
                claim: 0,
                worker: 0,
                begin,
                end,
            });
        }
        let Some(next) = list["next_cursor"].as_str() else {
            return;
        };
        page = format!("/api/tasks?limit=200&cursor={next}");
    }
}

#[test]
fn what_clients_were_answered_can_have_happened_one_after_the_other() {
    let lasts = sized(Duration::from_secs(13), Duration::from_secs(600));
    let kill_every = sized(Duration::from_secs(3), Duration::from_secs(7));
    let count = sized(8, 32);
    let setup = Setup::new().set("http.rate_limit", "100000");
    let mut daemon = setup.set("http.rate_burst", "100000").start();
    let began = Instant::now();
    let shared = Shared {
        address: Mutex::new(daemon.http),
        control: daemon.data.join("control.sock"),
        began,
        is_over: AtomicBool::new(false),
        ops: Mutex::default(),
        made: Mutex::default(),
    };
    let mut kills = 0;
    thread::scope(|scope| {
        let _end = OnEnd(&shared.is_over);
        let clients: Vec<_> = (0..count)
            .map(|n| {
                let shared = &shared;
                scope.spawn(move || Client::new(n, shared).run())
            })
            .collect();
        while began.elapsed() < lasts && !clients.iter().any(|client| client.is_finished()) {
            thread::park_timeout(PAUSE);
            if began.elapsed() > kill_every * (kills + 1) {
                kills += 1;
                daemon.kill9();
                daemon.respawn();
                daemon.wait_ready();
                *shared.address.lock().expect("no panic") = daemon.http;
            }
        }
    });
    let made = shared.made.into_inner().expect("no panic");
    let mut histories: BTreeMap<i64, Vec<Op>> = BTreeMap::new();
    for (task, op) in shared.ops.into_inner().expect("no panic") {
        histories.entry(task).or_default().push(op);
    }
    read_all(&daemon, began, &mut histories);
    for id in made {
        let reads = histories.get(&id).into_iter().flatten();
        let last = reads.last().map(|op| op.asked);
        assert_eq!(last, Some(Asked::Read), "task {id} was acknowledged");
    }
    let all = || histories.values().flatten();
    let said = |said| all().filter(|op| op.said == said).count();
    eprintln!(
        "{} tasks, {} operations, {} without an answer, {} refused, {kills} kills of the daemon, \
         at most {} operations of a task",
        histories.len(),
        all().count(),
        said(Said::Unknown),
        said(Said::LeaseLost) + said(Said::AlreadyEnded),
        histories.values().map(Vec::len).max().unwrap_or(0),
    );
    let enough = sized(1_000, 10_000);
    assert!(all().count() > enough, "too little was done");
    for (id, ops) in &histories {
        assert!(is_linearizable(ops, MADE), "task {id}: {ops:#?}");
    }
}

struct OnEnd<'o>(&'o AtomicBool);

impl Drop for OnEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
