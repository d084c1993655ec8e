//! The task queue, as its clients see it.
//!
//! | tests | what they hold the queue to |
//! |---|---|
//! | `story` | a chain of three roles over the command line, with a question and a failure |
//! | `bounds` | what is out of its bounds is refused by name, and changes nothing |
//! | `kill` | what was acknowledged stands, whatever is killed |
//! | `history` | what clients were answered is checked, while daemon and clients are killed |
//! | `keep` | a backup, a restart and SQL |
//! | `liveness` | hooks of the worker keep its lease, and its end gives the task back |
//! | `operate` | metrics, health and alerts |
//! | `twice` | a request whose answer was lost comes again |
//! | `wait` | who waits is woken |

mod bounds;
mod history;
mod keep;
mod kill;
mod liveness;
mod operate;
mod story;
mod twice;
mod wait;

use serde_json::{Value, json};

use crate::harness::Daemon;

/// The status and the JSON of an answer.
fn post(daemon: &Daemon, path: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let answer = daemon.request("POST", path, &[], body.as_bytes());
    let json = serde_json::from_slice(&answer.body).unwrap_or_default();
    (answer.status, json)
}

fn create(daemon: &Daemon, to: &str) -> i64 {
    let body = json!({"task_type": "fix_bug", "assigned_to": to});
    let (status, made) = post(daemon, "/api/tasks", &body);
    assert_eq!(status, 201, "{made}");
    made["task"]["id"].as_i64().expect("a number")
}

/// Its number and its token.
fn claim(daemon: &Daemon, role: &str, worker: &str) -> Option<(i64, String)> {
    let body = json!({"role": role, "worker": worker});
    let (status, claimed) = post(daemon, "/api/tasks/claim", &body);
    match status {
        204 => None,
        200 => {
            let token = claimed["lease"]["token"].as_str().expect("a token");
            let id = claimed["task"]["id"].as_i64().expect("a number");
            Some((id, token.to_owned()))
        }
        status => panic!("{status}: {claimed}"),
    }
}

fn task(daemon: &Daemon, id: i64) -> Value {
    daemon.read(&format!("/api/tasks/{id}")).expect("the task")
}
