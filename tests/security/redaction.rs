//! A secret in an event reaches no file, no Redis, no log and no client, whichever way it comes
//! and wherever it stands; what only looks like one arrives as it was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use agentpulse_redact::secret_name;
use regex::bytes::Regex;
use serde_json::{Value, json};

use crate::harness::{Daemon, Setup, eventually, now_ms};
use crate::model::rfc3339;
use crate::security::corpus::{Planted, look_alikes, planted};

/// The ways in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Socket,
    Lines,
    Array,
    Single,
    Spool,
    Emit,
}

const WAYS: [Way; 6] = [
    Way::Socket,
    Way::Lines,
    Way::Array,
    Way::Single,
    Way::Spool,
    Way::Emit,
];

/// A text, alone under a name or in another text.
struct Told {
    text: String,
    said: String,
    key: Option<String>,
}

impl Told {
    fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            said: format!("it said {text} and stopped"),
            key: None,
        }
    }
}

/// Under a name that says nothing, in a sentence, deep in an object, as a name of a field.
fn details(one: &Told) -> Value {
    let (text, said) = (one.text.as_str(), one.said.as_str());
    match one.key.as_deref() {
        Some(key) => json!({(key): text, "deep": [{"er": {(key): [text]}}]}),
        None => json!({"type": "E", "message": said, "note": text, "stack_trace": said,
            "deep": {"er": [said]}, (text): "a name"}),
    }
}

fn start(id: &str, text: &str) -> Value {
    json!({"event":"start","agent_id":id,"agent_name":"zorp","session_id":"s-1",
        "start_time":rfc3339(now_ms() - 1000),"task_description":text})
}

fn stop(id: &str, details: &Value) -> Value {
    json!({"event":"stop","agent_id":id,"agent_name":"zorp","execution_end":rfc3339(now_ms()),
        "duration_ms":5,"status":"failure","error_details":details,"task_metadata":details,
        "output_metrics":details,"performance_metrics":details})
}

/// The events about one text: one that ended, one that runs, and one with the text for a name.
fn about(way: Way, n: usize, one: &Told) -> Vec<Value> {
    let text = one.text.as_str();
    let id = |what: &str| format!("{what}-{way:?}-{n}");
    let mut lines = vec![stop(&id("ended"), &details(one))];
    if one.key.is_none() {
        lines.insert(0, start(&id("ended"), &one.said));
        lines.push(start(&id("runs"), &one.said));
        if text.len() <= 200 && !text.chars().any(char::is_control) {
            let mut named = stop(&id("named"), &json!({}));
            named["agent_name"] = text.into();
            named["agent_type"] = text.into();
            named["session_id"] = text.into();
            named["model"] = text.into();
            named["tool_calls"] = json!({(text): 1});
            lines.push(named);
        }
    }
    lines
}

fn send(daemon: &Daemon, way: Way, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    match way {
        Way::Socket => drop(daemon.accept(lines)),
        Way::Lines => posted(daemon, "/api/agents/events", text.as_bytes()),
        Way::Array => {
            let array = Value::from(lines.to_vec()).to_string();
            posted(daemon, "/api/agents/events", array.as_bytes());
        }
        Way::Single => {
            for line in lines {
                let path = match line["event"] == "start" {
                    true => "/api/agents/start",
                    false => "/api/agents/complete",
                };
                posted(daemon, path, line.to_string().as_bytes());
            }
        }
        Way::Spool => spooled(daemon, lines),
        Way::Emit => {
            let emitted = daemon.command_with_input(&["emit"], text.as_bytes());
            let said = String::from_utf8_lossy(&emitted.stderr).into_owned();
            assert!(emitted.status.success(), "{said}");
        }
    }
}

fn posted(daemon: &Daemon, path: &str, body: &[u8]) {
    let headers = [("content-type", "application/json")];
    let answer = daemon.request("POST", path, &headers, body);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
}

fn spooled(daemon: &Daemon, lines: &[Value]) {
    let folder = daemon.data.join("spool");
    fs::create_dir_all(&folder).expect("the spool");
    for (n, line) in lines.iter().enumerate() {
        let name = format!("{}-{n:06}", now_ms());
        let (hidden, place) = (folder.join(&name), folder.join(format!("{name}.json")));
        fs::write(&hidden, line.to_string()).expect("a spooled line");
        fs::rename(hidden, place).expect("our own file");
    }
    eventually("the spool is taken", || {
        let left = fs::read_dir(&folder).map_err(|e| e.to_string())?.count();
        (left == 0).then_some(()).ok_or(format!("{left} files"))
    });
}

/// Sends everything about these texts by every way, and waits until history has it.
fn tell(daemon: &Daemon, texts: &[Told]) {
    let mut ended = 0;
    for way in WAYS {
        let lines: Vec<Value> = (0..)
            .zip(texts)
            .flat_map(|(n, one)| about(way, n, one))
            .collect();
        ended += lines.iter().filter(|line| line["event"] == "stop").count();
        send(daemon, way, &lines);
    }
    eventually("history has them", || {
        let found = daemon.read("/api/agents/costs?by=day&days=2")?;
        let days = found["costs"].as_array().into_iter().flatten();
        let sum: u64 = days.filter_map(|day| day["executions"].as_u64()).sum();
        (sum == ended as u64)
            .then_some(())
            .ok_or(format!("{sum} of {ended}"))
    });
}

/// Everything that anybody can see: files, Redis, answers, an export and a backup.
fn seen(daemon: &Daemon) -> BTreeMap<String, Vec<u8>> {
    let mut seen = BTreeMap::new();
    let mut path = "/api/agents/executions?limit=100".to_owned();
    loop {
        let found = daemon.get(&path);
        let cursor = found.json()["next_cursor"].as_str().map(str::to_owned);
        seen.insert(path, found.body);
        match cursor {
            Some(cursor) => path = format!("/api/agents/executions?limit=100&cursor={cursor}"),
            None => break,
        }
    }
    for path in [
        "/api/agents/errors/zorp",
        "/api/agents/active",
        "/api/agents/metrics/current",
        "/api/agents/costs?by=session&days=2",
        "/api/agents/tools/usage",
        "/api/agents/types/distribution",
        "/metrics",
    ] {
        seen.insert(path.to_owned(), daemon.get(path).body);
    }
    for format in ["jsonl", "csv"] {
        let out = daemon.command(&["export", "--format", format]).stdout;
        seen.insert(format!("export {format}"), out);
    }
    assert!(daemon.command(&["backup"]).status.success());
    for key in daemon.redis(&["KEYS", "*"]).texts() {
        let value = match daemon.redis(&["TYPE", &key]).text().as_str() {
            "string" => daemon.redis(&["GET", &key]).text(),
            "list" => daemon.redis(&["LRANGE", &key, "0", "-1"]).texts().concat(),
            "set" => daemon.redis(&["SMEMBERS", &key]).texts().concat(),
            "zset" => daemon.redis(&["ZRANGE", &key, "0", "-1"]).texts().concat(),
            "hash" => daemon.redis(&["HGETALL", &key]).texts().concat(),
            other => panic!("{key} is a {other}"),
        };
        seen.insert(
            format!("redis {key}"),
            format!("{key} {value}").into_bytes(),
        );
    }
    daemon.redis(&["SAVE"]);
    seen.extend(files(daemon.folder.path()));
    seen
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                found.insert(path.display().to_string(), bytes);
            }
        }
    }
    found
}

#[track_caller]
fn nowhere(seen: &BTreeMap<String, Vec<u8>>, planted: &[Planted]) {
    // One walk for all of them. A short one may stand in the middle of other bytes by chance, but
    // not of so many.
    let cores: Vec<String> = planted.iter().map(|one| regex::escape(&one.core)).collect();
    let any = Regex::new(&cores.join("|")).expect("an expression");
    let mut found = BTreeSet::new();
    for (place, bytes) in seen {
        for core in any.find_iter(bytes) {
            let is_it = |one: &&Planted| one.core.as_bytes() == core.as_bytes();
            let one = planted.iter().find(is_it).expect("one of them");
            found.insert(format!("{} {:?} in {place}", one.kind, one.text));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_secret_of_an_event_is_ever_seen_again() {
    let mut daemon = Setup::new().start();
    let planted = planted();
    let texts: Vec<_> = planted
        .iter()
        .map(|one| Told {
            text: one.text.clone(),
            said: one.said(),
            key: one.key.clone(),
        })
        .collect();
    tell(&daemon, &texts);
    let seen = seen(&daemon);
    for name in ["journal.db", "history.db", ".aof", ".rdb", ".log", ".tar"] {
        assert!(
            seen.keys().any(|place| place.contains(name)),
            "{name} was read"
        );
    }
    nowhere(&seen, &planted);
    for (n, one) in planted.iter().enumerate() {
        let found = daemon
            .get(&format!("/api/agents/executions/ended-Socket-{n}"))
            .text();
        let mark = if one.kind == "home" {
            "~"
        } else {
            "[redacted:"
        };
        assert!(found.contains(mark), "{}: {found}", one.kind);
        if one.key.is_none() {
            assert!(found.contains("it said"), "the rest is kept: {found}");
        }
    }
    assert_eq!(daemon.sigterm().code(), Some(0));
    nowhere(&files(daemon.folder.path()), &planted);
}

#[test]
fn look_alikes_arrive_as_they_were_sent() {
    let daemon = Setup::new().start();
    let clean = look_alikes();
    let texts: Vec<_> = clean.iter().map(|text| Told::of(text)).collect();
    tell(&daemon, &texts);
    let mut changed = Vec::new();
    for way in WAYS {
        for (n, text) in clean.iter().enumerate() {
            let found = daemon
                .read(&format!("/api/agents/executions/ended-{way:?}-{n}"))
                .expect("it is there");
            let details = &found["error_details"];
            let said = format!("it said {text} and stopped");
            let same = details["note"] == **text
                && details["message"] == *said
                && (details[text.as_str()] == "a name" || secret_name(text).is_some())
                && found["task_description"] == *said;
            if !same {
                changed.push(format!("{way:?} {text:?}: {details}"));
            }
        }
    }
    assert!(changed.is_empty(), "{changed:#?}");
}

#[test]
fn the_agent_of_a_plugin_keeps_its_name() {
    let daemon = Setup::new().start();
    let names = [
        "design-token:auditor-v2",
        "api-key:rotation-planner2",
        "session-token:reviewer3",
        "secret-santa:planner-2026",
    ];
    let lines = names.iter().enumerate().flat_map(|(n, name)| {
        ["SubagentStart", "SubagentStop"].map(|event| {
            let payload = json!({"session_id": "s", "hook_event_name": event, "agent_type": name,
                "agent_id": format!("a{n}"), "stop_hook_active": false});
            json!({"event": "hook", "id": format!("{n:031x}{}", event.len() % 2), "source": "claude-code",
                "observed_at": now_ms() as f64 / 1e3, "payload": payload})
        })
    });
    daemon.accept(&lines.collect::<Vec<_>>());
    for (n, name) in names.iter().enumerate() {
        let found = eventually("the run", || {
            daemon.read(&format!("/api/agents/executions/a{n}"))
        });
        assert_eq!(found["agent_name"], *name);
    }
}

#[test]
fn addresses_of_people_can_be_kept() {
    let daemon = Setup::new().set("redact.emails", "\"keep\"").start();
    let address = "jane.doe@example.com";
    tell(&daemon, &[Told::of(address)]);
    let found = daemon
        .read("/api/agents/executions/named-Socket-0")
        .expect("it is there");
    assert_eq!(found["agent_name"], address);
}

#[test]
fn an_answer_repeats_no_secret() {
    let daemon = Setup::new().start();
    let token = format!("ghp_{}", "aB3dE5gH7j".repeat(4).split_at(36).0);
    let post = |path: &str, body: &str| {
        let found = daemon.request("POST", path, &[], body.as_bytes());
        assert!(!found.text().contains(&token), "{}", found.text());
        (found.status, found.json())
    };
    let event = json!({"agent_id": format!("run {token}"), "agent_name": "zorp"}).to_string();
    let answered = ["/api/agents/start", "/api/agents/complete"].map(|path| {
        for body in [json!(token).to_string(), json!([token]).to_string()] {
            let (status, found) = post(path, &body);
            assert_eq!(status, 400, "{found}");
        }
        let (status, found) = post(path, &event);
        assert_eq!(status, 200, "{found}");
        found["agent_id"].clone()
    });
    let kept = eventually("the run", || {
        let found = daemon.read("/api/agents/executions")?;
        let id = found["executions"][0]["agent_id"].clone();
        id.is_string().then_some(id).ok_or(found.to_string())
    });
    assert_eq!(answered, [kept.clone(), kept]);
}
