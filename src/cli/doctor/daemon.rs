//! The daemon: whether it runs, is reached and follows; without it, whether its files are sound.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

use hyper::Method;
use serde_json::Value;

use super::Finding;
use crate::cli::client::{AskError, Control, QUICK};
use crate::config::Config;
use crate::sqlite;

const FILES: [&str; 2] = ["journal.db", "history.db"];

pub async fn findings(config: &Config) -> Vec<Finding> {
    const SUBJECT: &str = "daemon";
    let control = Control::of(config);
    let mut findings = Vec::new();
    match control.status().await {
        Ok(status) => {
            let version = status["version"].as_str().unwrap_or("unknown");
            findings.push(Finding::right(SUBJECT, format!("version {version} runs")));
            findings.push(ready(&control).await);
            findings.push(socket(&config.socket.path));
            findings.extend(alerts(&status));
        }
        Err(AskError::NotRunning(_)) => {
            findings.push(Finding::wrong(
                SUBJECT,
                "none runs",
                "start `agentpulse serve`",
            ));
            findings.extend(FILES.iter().filter_map(|name| file(&config.data.dir, name)));
        }
        Err(error) => {
            let mend = "look at its log, and start it anew";
            findings.push(Finding::wrong(SUBJECT, error.to_string(), mend));
        }
    }
    findings
}

async fn ready(control: &Control) -> Finding {
    const SUBJECT: &str = "readiness";
    match control.ask(Method::GET, "/ready", QUICK).await {
        Ok(_) => Finding::right(SUBJECT, "the journal is written, and the views follow it"),
        Err(AskError::Refused(_, reason)) if reason.contains("broken") => {
            Finding::wrong(SUBJECT, reason, "run `agentpulse rebuild`")
        }
        Err(error) => {
            let mend = "if it does not pass by itself, look at the log";
            Finding::wrong(SUBJECT, error.to_string(), mend)
        }
    }
}

/// What the daemon itself is alarmed by.
fn alerts(status: &Value) -> Vec<Finding> {
    let firing = status["alerts"].as_array();
    let firing = firing.into_iter().flatten().filter_map(Value::as_str);
    let mend = "an alert is resolved when its cause is gone; its limits are in [alerts]";
    firing
        .map(|alert| Finding::wrong("alert", alert, mend))
        .collect()
}

/// Where hooks look for the daemon.
fn socket(path: &Path) -> Finding {
    const SUBJECT: &str = "socket";
    let shown = path.display();
    match UnixStream::connect(path) {
        Ok(_) => Finding::right(SUBJECT, format!("{shown} takes events")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Finding::wrong(
            SUBJECT,
            format!("{shown} is not there"),
            "give the daemon and the hooks the same socket (AGENTPULSE_SOCKET)",
        ),
        Err(error) => Finding::wrong(
            SUBJECT,
            format!("{shown}: {error}"),
            "start the daemon anew",
        ),
    }
}

/// Read only where nobody writes: beside a running daemon it would take time from the disk.
fn file(dir: &Path, name: &'static str) -> Option<Finding> {
    let path = dir.join(name);
    if !path.exists() {
        return None;
    }
    Some(match sqlite::quick_check(&path) {
        Ok(()) => Finding::right(name, "is sound"),
        Err(error) => Finding::wrong(name, error.to_string(), "`agentpulse restore` a backup"),
    })
}
