//! The daemon: whether it runs, is reached and follows; without it, whether its files are sound.

use std::os::unix::net::UnixStream;
use std::path::Path;

use hyper::Method;
use serde_json::Value;

use super::Finding;
use crate::cli::client::{AskError, Control, QUICK};
use crate::cli::prices::unpriced_of;
use crate::config::Config;
use crate::sqlite;

const SUBJECT: &str = "daemon";
const FILES: [&str; 3] = ["journal.db", "history.db", "access.db"];
/// How far back executions without a price are looked for.
const PRICED_DAYS: u32 = 7;
const MAX_NAMED: usize = 3;

pub async fn findings(
    config: &Config,
    control: &Control,
    status: &Result<Value, AskError>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    match status {
        Ok(status) => {
            findings.push(version(status));
            findings.push(ready(control, status).await);
            findings.push(socket(&config.socket.path, status));
            findings.extend(alerts(status));
            findings.extend(settings(status));
            findings.extend(unpriced(control).await);
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

/// After an update the daemon that was started before goes on as it was.
fn version(status: &Value) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    let version = status["version"].as_str().unwrap_or("unknown");
    if version == ours {
        return Finding::right(SUBJECT, format!("version {version} runs"));
    }
    let state = format!("version {version} runs, and this program is {ours}");
    Finding::wrong(SUBJECT, state, "start the daemon anew")
}

async fn ready(control: &Control, status: &Value) -> Finding {
    const SUBJECT: &str = "readiness";
    match control.ask(Method::GET, "/ready", QUICK).await {
        Ok(_) => Finding::right(SUBJECT, "the journal is written, and the views follow it"),
        Err(AskError::Refused(_, reason)) if status["live"]["condition"] == "broken" => {
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

/// The daemon goes by other settings than those that stand in the file. Those that it refused are
/// an alert.
fn settings(status: &Value) -> Option<Finding> {
    let waiting = status["config"]["needs_restart"].as_array();
    let names = waiting.into_iter().flatten().filter_map(Value::as_str);
    let names = names.collect::<Vec<_>>().join(", ");
    let state = format!("changed, and not in force: {names}");
    (!names.is_empty()).then(|| Finding::hint("settings", state, "start the daemon anew"))
}

/// What these cost is in no sum.
async fn unpriced(control: &Control) -> Option<Finding> {
    const SUBJECT: &str = "prices";
    let mut models = match unpriced_of(control, PRICED_DAYS).await {
        Ok(models) => models,
        Err(error) => {
            let mend = "look at the daemon's log";
            return Some(Finding::wrong(SUBJECT, error.to_string(), mend));
        }
    };
    let executions: u64 = models.iter().map(|(_, count)| count).sum();
    if executions == 0 {
        return None;
    }
    models.truncate(MAX_NAMED);
    let names = models.into_iter().map(|(model, _)| model);
    let names = names.collect::<Vec<_>>().join(", ");
    let state = format!(
        "{executions} executions of the last {PRICED_DAYS} days have no price, such as of {names}"
    );
    let mend = "`agentpulse prices check` says why; tables.prices takes a table of your own";
    Some(Finding::hint(SUBJECT, state, mend))
}

/// Where the daemon takes events; a flag of `serve` is not known here.
fn socket(set: &Path, status: &Value) -> Finding {
    const SUBJECT: &str = "socket";
    let path = status["socket"].as_str().map_or(set, Path::new);
    let shown = path.display();
    match UnixStream::connect(path) {
        Ok(_) if path != set => Finding::hint(
            SUBJECT,
            format!(
                "{shown} takes events, and these settings say {}",
                set.display()
            ),
            format!("hooks need AGENTPULSE_SOCKET={shown}"),
        ),
        Ok(_) => Finding::right(SUBJECT, format!("{shown} takes events")),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_wait_are_named() {
        let status = |names: &[&str]| json!({"config": {"needs_restart": names}});
        assert_eq!(settings(&status(&[])), None);
        let told = settings(&status(&["http.listen", "redis.url"])).map(|told| told.state);
        let expect = "changed, and not in force: http.listen, redis.url";
        assert_eq!(told.as_deref(), Some(expect));
    }
}
