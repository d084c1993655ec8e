//! The existing dashboard's dialect on `/stream`, field by field as its client reads it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tungstenite::Message;

use crate::harness::events::{progress, start, stop};
use crate::harness::watcher::{DASHBOARD, Watcher, id};
use crate::harness::{Daemon, Run, Setup, eventually, now_ms};

/// What the client makes of the messages: all that it reads of them.
#[derive(Default)]
struct Client {
    active: BTreeMap<String, Value>,
    completions: Vec<Value>,
    /// The events that it received, by type and id.
    events: Vec<(String, String)>,
    kinds: BTreeSet<String>,
}

impl Client {
    fn take(&mut self, message: &Value) {
        let kind = message["type"].as_str().expect("a type");
        let data = &message["data"];
        self.kinds.insert(kind.to_owned());
        match kind {
            "terminal_status" => {
                assert!(data["timestamp"].is_i64(), "{message}");
                let all = |field: &str| data[field].as_array().expect("a list").clone();
                let active = all("active_agents");
                self.active = active.into_iter().map(|one| (id(&one), one)).collect();
                self.completions = all("recent_completions");
            }
            "agent_status_update" => {
                self.completions.retain(|one| id(one) != id(data));
                self.active.remove(&id(data));
                match data["status"].as_str().expect("a status") {
                    "complete" | "failed" => self.completions.insert(0, data.clone()),
                    "active" => drop(self.active.insert(id(data), data.clone())),
                    other => panic!("it knows no {other}"),
                }
                self.completions.truncate(10);
            }
            "agent_started" | "agent_completed" => self.events.push((kind.to_owned(), id(data))),
            other => panic!("{other} is not for it: {message}"),
        }
        let shown = self.active.values().chain(&self.completions);
        for (name, value) in shown.flat_map(|one| one.as_object().expect("an object")) {
            assert!(!value.is_null(), "{name} would be drawn: {message}");
        }
    }

    /// Reads on until the picture is as it should be.
    fn until(&mut self, watcher: &mut Watcher, holds: impl Fn(&Client) -> bool) {
        while !holds(self) {
            let message = watcher.read();
            self.take(&message);
        }
    }

    fn completed(&self) -> Vec<String> {
        self.completions.iter().map(id).collect()
    }
}

/// A new client, after `initial` and the status.
fn opened(daemon: &Daemon) -> (Watcher, Client) {
    let mut watcher = Watcher::connect(daemon, DASHBOARD);
    assert_eq!(watcher.read(), json!({"type": "initial", "data": []}));
    let status = watcher.read();
    assert_eq!(status["type"], "terminal_status");
    let mut client = Client::default();
    client.take(&status);
    (watcher, client)
}

#[test]
fn an_empty_daemon_has_an_empty_status() {
    let daemon = Setup::new().start();
    let (_, client) = opened(&daemon);
    assert!(client.active.is_empty() && client.completions.is_empty());
}

#[test]
fn its_client_shows_what_runs_and_what_ended_last() {
    let daemon = Setup::new().start();
    let run = Run::new("a").of_type("tester").began(now_ms() - 5_000);
    daemon.accept(&[run.start(), start("b")]);
    let ended = Run::new("c").of_type("writer").ended(now_ms()).took(2_500);
    daemon.accept(&[ended.status("failure").stop()]);
    // The same at once as when history has it.
    let (mut watcher, mut client) = opened(&daemon);
    client.until(&mut watcher, |client| client.completed() == ["c"]);
    assert_eq!(client.active.keys().collect::<Vec<_>>(), ["a", "b"]);
    let expect = json!({"agent_id": "c", "agent_name": "zorp", "agent_type": "writer",
        "status": "failed", "duration_ms": 2_500, "session_id": "", "source_app": "",
        "start_time": client.completions[0]["start_time"]});
    assert_eq!(client.completions[0], expect);
    let a = &client.active["a"];
    assert_eq!(
        (&a["agent_type"], &a["status"]),
        (&json!("tester"), &json!("active"))
    );
    let began_ms = a["start_time"].as_i64().expect("milliseconds");
    assert!(
        (now_ms() - 65_000..=now_ms() - 5_000).contains(&began_ms),
        "{a}"
    );

    daemon.send(&[progress("a")]);
    client.until(&mut watcher, |client| {
        client.active["a"]["progress"] == 50.0
    });
    daemon.accept(&[run.ended(now_ms()).took(9).stop(), start("d")]);
    client.until(&mut watcher, |client| client.completed() == ["a", "c"]);
    client.until(&mut watcher, |client| client.active.contains_key("d"));
    assert_eq!(client.active.keys().collect::<Vec<_>>(), ["b", "d"]);
    let event = |kind: &str, id: &str| (kind.to_owned(), id.to_owned());
    for told in [event("agent_completed", "a"), event("agent_started", "d")] {
        assert!(client.events.contains(&told), "{:?}", client.events);
    }
    let (_, late) = opened(&daemon);
    assert_eq!(late.completed(), ["a", "c"]);
    assert_eq!(late.active.keys().collect::<Vec<_>>(), ["b", "d"]);
}

/// It shows the range that its user chose, which it reads over HTTP.
#[test]
fn nothing_is_sent_that_another_range_could_contradict() {
    let daemon = Setup::new().start();
    let (mut watcher, mut client) = opened(&daemon);
    daemon.accept(&(0..20).map(|n| stop(&format!("x{n}"))).collect::<Vec<_>>());
    client.until(&mut watcher, |client| client.completions.len() == 10);
    daemon.accept(&[start("y")]);
    client.until(&mut watcher, |client| client.active.contains_key("y"));
    let kinds = [
        "agent_completed",
        "agent_started",
        "agent_status_update",
        "terminal_status",
    ];
    assert_eq!(client.kinds, kinds.map(str::to_owned).into());
}

/// A burst is more than single messages can say: the whole status follows.
#[test]
fn a_burst_ends_in_a_true_status() {
    let daemon = Setup::new().start();
    let (mut watcher, mut client) = opened(&daemon);
    let starts: Vec<Value> = (0..3_000).map(|n| start(&format!("r{n}"))).collect();
    daemon.accept(&starts);
    client.until(&mut watcher, |client| client.active.len() == 3_000);
    let stops: Vec<Value> = (0..3_000).map(|n| stop(&format!("r{n}"))).collect();
    daemon.accept(&stops);
    client.until(&mut watcher, |client| client.active.is_empty());
    client.until(&mut watcher, |client| client.completions.len() == 10);
    eventually("the daemon says the same", || {
        let told = daemon.read("/api/agents/metrics/current")?;
        let all = told["active_agents"] == 0 && told["executions_today"] == 3_000;
        if all { Ok(()) } else { Err(told.to_string()) }
    });
}

#[test]
fn a_ping_is_answered_at_once_and_everything_else_ignored() {
    let daemon = Setup::new().start();
    let (mut watcher, _) = opened(&daemon);
    watcher.send(Message::text("nonsense"));
    watcher.send(Message::text(
        json!({"type": "get_terminal_status"}).to_string(),
    ));
    let ping = json!({"type": "ping", "timestamp": now_ms()});
    watcher.send(Message::text(ping.to_string()));
    assert_eq!(watcher.read(), json!({"type": "pong"}));
}
