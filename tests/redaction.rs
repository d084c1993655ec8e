//! A secret in an event reaches no file, no Redis, no log and no client, wherever it stands.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Daemon, eventually, now_ms};
use crate::model::rfc3339;
use crate::setup::Setup;

/// A kind, and what must not be seen; put together here, so that no scanner finds a leak.
fn secrets() -> Vec<(&'static str, String)> {
    let body = "Zx9Kq2Lm7Pw4Rt8Vb3Nc6Yd1";
    vec![
        ("anthropic", format!("sk-ant-api03-{body}{body}{body}AAAA")),
        ("openai", format!("sk-proj-{body}{body}")),
        ("github", format!("ghp_{body}{}", &body[..12])),
        ("aws", format!("AKIA{}", "Q7ZX4MPLW2RTVB9N")),
        (
            "slack",
            format!("xoxb-{}-{}-{body}", "123456789012", "123456789012"),
        ),
        (
            "jwt",
            format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{body}{body}"),
        ),
        ("bearer", format!("Bearer {body}{body}")),
        ("password", format!("postgres://me:{body}@db.example/x")),
        (
            "private key",
            format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"),
        ),
    ]
}

/// The part of a secret that nobody may see again.
fn core(secret: &str) -> &str {
    let known = "Zx9Kq2Lm7Pw4Rt8Vb3Nc6Yd1";
    if secret.contains(known) {
        known
    } else {
        secret
    }
}

fn lines(n: usize, secret: &str) -> Vec<Value> {
    let said = format!("it said {secret} and stopped");
    let end = rfc3339(now_ms() - 1000);
    vec![
        json!({"event":"start","agent_id":format!("s{n}"),"agent_name":"zorp","start_time":end,
            "task_description":said,"session_id":"s-1"}),
        json!({"event":"stop","agent_id":format!("s{n}"),"execution_end":end,"duration_ms":5,
            "status":"failure","error_details":{"type":"E","message":said,"stack_trace":said,
                (secret):"a key"},
            "task_metadata":{"description":said,"source":said,"deep":{"er":[said]}},
            "output_metrics":{"note":said},"performance_metrics":{"note":said}}),
        json!({"event":"start","agent_id":format!("running{n}"),"agent_name":"zorp",
            "task_description":said}),
    ]
}

pub fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes
        .windows(secret.len())
        .any(|window| window == secret.as_bytes())
}

pub fn search(folder: &Path, secret: &str) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).expect("the data folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files += search(&path, secret);
        } else if let Ok(bytes) = fs::read(&path) {
            files += 1;
            assert!(!holds(&bytes, secret), "{secret} is in {}", path.display());
        }
    }
    files
}

fn answers(daemon: &Daemon, n: usize, secret: &str) {
    let own = format!("/api/agents/executions/s{n}");
    for path in [
        own.as_str(),
        "/api/agents/executions",
        "/api/agents/errors/zorp",
        "/api/agents/active",
        "/api/agents/metrics/current",
        "/metrics",
    ] {
        assert!(
            !holds(&daemon.get(path).body, secret),
            "{secret} is in {path}"
        );
    }
}

#[test]
fn no_secret_of_an_event_is_ever_seen_again() {
    let daemon = Setup::new().start();
    let secrets = secrets();
    let all: Vec<Value> = secrets
        .iter()
        .enumerate()
        .flat_map(|(n, (_, secret))| lines(n, secret))
        .collect();
    daemon.accept(&all);
    let last = secrets.len() - 1;
    eventually("history has them", || {
        let told = daemon.read(&format!("/api/agents/executions/s{last}"))?;
        let current = daemon.read("/api/agents/metrics/current")?;
        let there = told["status"] == "failure" && current["active_agents"] == secrets.len();
        if there { Ok(()) } else { Err(told.to_string()) }
    });
    for (n, (kind, secret)) in secrets.iter().enumerate() {
        let told = daemon.get(&format!("/api/agents/executions/s{n}")).text();
        assert!(told.contains("[redacted:"), "{kind}: {told}");
        assert!(
            told.contains("it said"),
            "{kind}: the rest of the text is kept: {told}"
        );
        answers(&daemon, n, core(secret));
    }
    daemon.redis(&["SAVE"]);
    for (_, secret) in &secrets {
        assert!(
            search(daemon.folder.path(), core(secret)) > 3,
            "files were read"
        );
    }
    let dump = daemon.redis(&["KEYS", "*"]).texts();
    for key in dump.iter().filter(|key| key.starts_with("agent:")) {
        let value = match daemon.redis(&["TYPE", key]).text().as_str() {
            "string" => daemon.redis(&["GET", key]).text(),
            "list" => daemon.redis(&["LRANGE", key, "0", "-1"]).texts().concat(),
            _ => String::new(),
        };
        for (_, secret) in &secrets {
            assert!(!value.contains(core(secret)), "{key}: {value}");
        }
    }
}
