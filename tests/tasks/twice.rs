//! A request whose answer was lost comes again: the daemon dies after the commit and before the
//! answer, and each request is sent twice more. It is applied once.
//!
//! The place is a failpoint of a debug build; a release build has none.

use serde_json::{Value, json};

use crate::harness::{Daemon, Setup, wire};

struct Twice {
    daemon: Daemon,
    /// The last event that was seen.
    seq: u64,
    keys: usize,
}

impl Twice {
    /// Returns the answer, after the events that it is to cause.
    fn post(&mut self, path: &str, body: &Value, expected: &[&str]) -> Value {
        self.send("POST", path, body, expected)
    }

    fn send(&mut self, method: &str, path: &str, body: &Value, expected: &[&str]) -> Value {
        self.keys += 1;
        let key = format!("k{}", self.keys);
        let (headers, body) = ([("idempotency-key", key.as_str())], body.to_string());
        let setup = self.daemon.setup.clone().crash_at("queue.committed");
        self.daemon.setup = setup;
        self.daemon.restart();
        let socket = self.daemon.data.join("control.sock");
        let cut = wire::request_control(&socket, method, path, &headers, body.as_bytes());
        assert!(cut.is_err(), "{path}: it was to be cut: {cut:?}");
        self.daemon.wait_end();
        self.daemon.setup = self.daemon.setup.clone().without_crash();
        self.daemon.restart();
        let again = || {
            let answer = self.daemon.control(method, path, &headers, body.as_bytes());
            let text = answer.text();
            assert!((200..=201).contains(&answer.status), "{path}: {text}");
            answer.json()
        };
        let (first, second) = (again(), again());
        // A task that is held is given again with its lease renewed.
        if !path.ends_with("/claim") {
            assert_eq!(first, second, "{path}");
        }
        self.happened(path, expected);
        first
    }

    fn happened(&mut self, what: &str, expected: &[&str]) {
        let path = format!("/api/tasks/changes?since={}", self.seq);
        let changes = self.daemon.read(&path).expect("the events");
        let events = changes["events"].as_array().expect("a list");
        let kinds: Vec<&str> = events
            .iter()
            .filter_map(|one| one["kind"].as_str())
            .collect();
        assert_eq!(kinds, expected, "{what}");
        self.seq = changes["seq"].as_u64().expect("a number");
    }

    fn claim(&mut self, role: &str) -> (String, Value) {
        let body = json!({"role": role, "worker": "w"});
        let claimed = self.post("/api/tasks/claim", &body, &["task_claimed"]);
        let path = format!("/api/tasks/{}", claimed["task"]["id"]);
        (path, claimed["lease"]["token"].clone())
    }
}

#[test]
fn a_request_that_comes_again_after_its_answer_was_lost_is_applied_once() {
    if !cfg!(debug_assertions) {
        eprintln!("skipped: a release build has no crash points");
        return;
    }
    let mut twice = Twice {
        daemon: Setup::new().start(),
        seq: 0,
        keys: 0,
    };
    let new = json!({"task_type": "fix_bug", "assigned_to": "developer"});
    twice.post("/api/tasks", &new, &["task_created"]);
    let (path, token) = twice.claim("developer");
    let lines = json!([{"level": "info", "message": "begun"}]);
    let logs = json!({"token": token, "lines": lines});
    twice.post(&format!("{path}/logs"), &logs, &[]);
    let logged = twice.daemon.read(&format!("{path}/logs")).expect("the log");
    assert_eq!(logged["lines"].as_array().map(Vec::len), Some(1));
    let question = json!({"to": "user", "content": "Which one?"});
    let block = json!({"token": token, "question": question});
    let asked = twice.post(
        &format!("{path}/block"),
        &block,
        &["message", "task_blocked"],
    );
    let answer = json!({"from_agent": "user", "to_agent": "developer", "content": "The second.",
        "message_type": "answer", "reply_to": asked["question"]});
    let sent = twice.post("/api/messages", &answer, &["message", "task_requeued"]);
    let read = format!("/api/messages/{}/read", sent["message"]["id"]);
    twice.post(&read, &json!({}), &[]);
    let (path, token) = twice.claim("developer");
    let handoff = json!({"assigned_to": "qa", "task_type": "verify_fix"});
    let complete = json!({"token": token, "result": 1, "handoff": handoff});
    let kinds = ["task_completed", "task_created", "message"];
    twice.post(&format!("{path}/complete"), &complete, &kinds);
    let (path, token) = twice.claim("qa");
    let release = json!({"token": token});
    twice.post(&format!("{path}/release"), &release, &["task_requeued"]);
    let (path, token) = twice.claim("qa");
    let fail = json!({"token": token, "retryable": false});
    twice.post(&format!("{path}/fail"), &fail, &["task_failed"]);
    twice.post(&format!("{path}/retry"), &json!({}), &["task_requeued"]);
    let waits = json!({"task_type": "x", "assigned_to": "qa", "blocked_by": [2]});
    let made = twice.post("/api/tasks", &waits, &["task_created"]);
    let other = format!("/api/tasks/{}", made["task"]["id"]);
    twice.post(&format!("{other}/unblock"), &json!({}), &["task_requeued"]);
    let urgent = json!({"priority": 9});
    twice.send("PATCH", &other, &urgent, &["task_changed"]);
    twice.post(&format!("{other}/cancel"), &json!({}), &["task_cancelled"]);
}
