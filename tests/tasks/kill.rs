//! What was acknowledged stands, whatever is killed: workers claim and complete while the daemon is
//! killed again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::wire::{Response, request};
use crate::harness::{Daemon, Setup, eventually};

const WORKERS: usize = 6;
const TASKS: usize = 120;
const KILLS: usize = 4;

/// What clients were answered.
#[derive(Default)]
struct Answered {
    /// By the number that the creator gave.
    created: BTreeMap<usize, i64>,
    completed: BTreeSet<i64>,
}

struct Clients<'c> {
    address: &'c Mutex<SocketAddr>,
    answered: Mutex<Answered>,
    is_over: AtomicBool,
}

impl Clients<'_> {
    /// None where the daemon is away.
    fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Option<Response> {
        let address = *self.address.lock().expect("no panic");
        let key = key.map(|key| ("idempotency-key", key));
        let headers: Vec<(&str, &str)> = key.into_iter().collect();
        request(address, "POST", path, &headers, body.to_string().as_bytes()).ok()
    }

    /// Asks until there is an answer: what is not answered may have been done.
    fn insist(&self, path: &str, key: &str, body: &Value) -> Response {
        while !self.is_over.load(Ordering::Relaxed) {
            if let Some(answer) = self.post(path, Some(key), body)
                && answer.status != 503
            {
                return answer;
            }
            thread::yield_now();
        }
        panic!("{path}: no answer until the end");
    }

    fn create(&self) {
        for n in 0..TASKS {
            let body = json!({"task_type": "x", "assigned_to": "qa", "context": n,
                "max_retries": 10});
            let answer = self.insist("/api/tasks", &format!("create-{n}"), &body);
            assert_eq!(answer.status, 201, "{}", answer.text());
            let id = answer.json()["task"]["id"].as_i64().expect("a number");
            self.answered
                .lock()
                .expect("no panic")
                .created
                .insert(n, id);
        }
    }

    fn work(&self, worker: usize) {
        let worker = format!("w{worker}");
        while !self.is_over.load(Ordering::Relaxed) {
            let body = json!({"role": "qa", "worker": worker, "wait": 1});
            let Some(claimed) = self.post("/api/tasks/claim", None, &body) else {
                continue;
            };
            if claimed.status != 200 {
                continue;
            }
            let claimed = claimed.json();
            let (id, token) = (&claimed["task"]["id"], &claimed["lease"]["token"]);
            let body = json!({"token": token, "result": worker});
            let key = format!("complete-{token}");
            let answer = self.insist(&format!("/api/tasks/{id}/complete"), &key, &body);
            assert_eq!(answer.status, 200, "{}", answer.text());
            let id = id.as_i64().expect("a number");
            let is_new = self.answered.lock().expect("no panic").completed.insert(id);
            assert!(is_new, "task {id} was completed twice");
        }
    }
}

struct OnEnd<'o>(&'o AtomicBool);

impl Drop for OnEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn what_was_acknowledged_stands_whatever_is_killed() {
    let mut daemon = Setup::new().start();
    let address = Mutex::new(daemon.http);
    let clients = Clients {
        address: &address,
        answered: Mutex::default(),
        is_over: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        // Also if a client or this one ends by a fault: the others would go on for ever.
        let _end = OnEnd(&clients.is_over);
        scope.spawn(|| clients.create());
        for n in 0..WORKERS {
            let clients = &clients;
            scope.spawn(move || clients.work(n));
        }
        for kill in 1..=KILLS {
            eventually("the next part is done", || {
                let done = clients.answered.lock().expect("no panic").completed.len();
                (done >= kill * TASKS / (KILLS + 1))
                    .then_some(())
                    .ok_or(done.to_string())
            });
            daemon.kill9();
            daemon.respawn();
            daemon.wait_ready();
            *address.lock().expect("no panic") = daemon.http;
        }
        eventually("all is done", || {
            let done = clients.answered.lock().expect("no panic").completed.len();
            (done == TASKS).then_some(()).ok_or(done.to_string())
        });
    });
    let answered = clients.answered.into_inner().expect("no panic");
    check(&daemon, &answered);
}

fn check(daemon: &Daemon, answered: &Answered) {
    let list = daemon.read("/api/tasks?limit=200").expect("the tasks");
    let tasks = list["tasks"].as_array().expect("a list");
    assert_eq!(tasks.len(), TASKS, "each once");
    for task in tasks {
        let id = task["id"].as_i64().expect("a number");
        let n = task["context"].as_u64().expect("a number") as usize;
        assert_eq!(answered.created.get(&n), Some(&id));
        assert_eq!(task["status"], "completed");
        let whole = daemon.read(&format!("/api/tasks/{id}")).expect("the task");
        let attempts = whole["attempts"].as_array().expect("attempts");
        let completed = attempts.iter().filter(|one| one["how"] == "completed");
        assert_eq!(completed.count(), 1, "{whole}");
    }
    let changes = daemon
        .read("/api/tasks/changes?since=0")
        .expect("the events");
    let events = changes["events"].as_array().expect("a list");
    let of_kind = |kind: &str| events.iter().filter(|event| event["kind"] == kind).count();
    assert_eq!(
        (of_kind("task_created"), of_kind("task_completed")),
        (TASKS, TASKS)
    );
}
