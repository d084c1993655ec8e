//! Who waits for a task is woken, and gets one of its own.

use std::collections::BTreeSet;
use std::thread;
use std::time::Instant;

use serde_json::json;

use super::{create, post};
use crate::harness::{Setup, eventually};

const WAITERS: usize = 40;

#[test]
fn each_who_waits_gets_one_task() {
    let daemon = Setup::new().start();
    let taken: Vec<(u16, i64)> = thread::scope(|scope| {
        let waiters: Vec<_> = (0..WAITERS)
            .map(|n| {
                let daemon = &daemon;
                scope.spawn(move || {
                    let worker = format!("w{n}");
                    let body = json!({"role": "qa", "worker": worker, "wait": 25});
                    let (status, claimed) = post(daemon, "/api/tasks/claim", &body);
                    (status, claimed["task"]["id"].as_i64().unwrap_or(0))
                })
            })
            .collect();
        for _ in 0..WAITERS {
            create(&daemon, "qa");
        }
        waiters
            .into_iter()
            .map(|waiter| waiter.join().expect("an answer"))
            .collect()
    });
    assert!(taken.iter().all(|(status, _)| *status == 200), "{taken:?}");
    let ids: BTreeSet<i64> = taken.iter().map(|(_, id)| *id).collect();
    assert_eq!(ids.len(), WAITERS, "each its own");
}

#[test]
fn a_wait_ends_when_it_is_over_and_a_task_that_is_held_is_given_again() {
    let daemon = Setup::new().start();
    let begun = Instant::now();
    let body = json!({"role": "qa", "worker": "w", "wait": 1});
    assert_eq!(post(&daemon, "/api/tasks/claim", &body).0, 204);
    assert!(begun.elapsed().as_millis() >= 1_000);
    let id = create(&daemon, "qa");
    let (_, first) = post(&daemon, "/api/tasks/claim", &body);
    let (_, again) = post(&daemon, "/api/tasks/claim", &body);
    assert_eq!(first["lease"]["token"], again["lease"]["token"]);
    assert_eq!(first["task"]["id"], id);
}

#[test]
fn a_lease_that_ends_gives_the_task_back() {
    let daemon = Setup::new().start();
    let id = create(&daemon, "qa");
    let body = json!({"role": "qa", "worker": "gone", "lease_s": 10});
    assert_eq!(post(&daemon, "/api/tasks/claim", &body).0, 200);
    let whole = eventually("it is given back", || {
        let whole = daemon.read(&format!("/api/tasks/{id}"))?;
        let is_back = whole["task"]["status"] == "pending";
        is_back.then(|| whole.clone()).ok_or(whole.to_string())
    });
    assert_eq!(whole["task"]["error_type"], "lease_lost");
    assert_eq!(whole["task"]["retry_count"], 1);
    assert_eq!(whole["attempts"][0]["how"], "lease_lost");
}
