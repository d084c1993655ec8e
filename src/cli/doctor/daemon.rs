//! The daemon: whether it runs, answers and keeps up; without it, whether its files are sound.

use std::os::unix::net::UnixStream;
use std::path::Path;

use hyper::Method;
use serde_json::Value;

use super::finding::Finding;
use crate::cli::prices::unpriced_of;
use agentpulse_client::{AskError, Control, QUICK};
use agentpulse_config::Config;
use agentpulse_contract::data_folder::DATABASES;
use agentpulse_contract::environment;
use agentpulse_pipeline::live_state::Condition;
use agentpulse_reports::registry::stats;
use agentpulse_store::sqlite;

const SUBJECT: &str = "daemon";
/// How far back executions without a price are searched.
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
            findings.extend(definitions(control).await);
        }
        Err(AskError::NotRunning(_)) => {
            findings.push(Finding::error(
                SUBJECT,
                "not running",
                "start `agentpulse serve`",
            ));
            findings.extend(
                DATABASES
                    .iter()
                    .filter_map(|name| file(&config.data.dir, name)),
            );
        }
        Err(error) => {
            let fix = "read its log, and restart it";
            findings.push(Finding::error(SUBJECT, error.to_string(), fix));
        }
    }
    findings
}

/// After an update a daemon that was started before still runs the old version.
fn version(status: &Value) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    let version = status["version"].as_str().unwrap_or("unknown");
    if version == ours {
        return Finding::right(SUBJECT, format!("version {version} runs"));
    }
    let state = format!("version {version} runs, and this program is {ours}");
    Finding::error(SUBJECT, state, "restart the daemon")
}

async fn ready(control: &Control, status: &Value) -> Finding {
    const SUBJECT: &str = "readiness";
    match control.ask(Method::GET, "/ready", QUICK).await {
        Ok(_) => Finding::right(SUBJECT, "the journal is written, and the views follow it"),
        Err(AskError::Refused(_, reason)) if status["live"]["condition"] == Condition::BROKEN => {
            Finding::error(SUBJECT, reason, "run `agentpulse rebuild`")
        }
        Err(error) => {
            let fix = "if it does not pass by itself, read the log";
            Finding::error(SUBJECT, error.to_string(), fix)
        }
    }
}

/// The alerts that the daemon itself raises.
fn alerts(status: &Value) -> Vec<Finding> {
    let firing = status["alerts"].as_array();
    let firing = firing.into_iter().flatten().filter_map(Value::as_str);
    let fix = "an alert is resolved when its cause is gone; its limits are in [alerts]";
    firing
        .map(|alert| Finding::error("alert", alert, fix))
        .collect()
}

/// The daemon uses other settings than the file has. Settings that it refused are an alert.
fn settings(status: &Value) -> Option<Finding> {
    let waiting = status["config"]["needs_restart"].as_array();
    let names = waiting.into_iter().flatten().filter_map(Value::as_str);
    let names = names.collect::<Vec<_>>().join(", ");
    let state = format!("changed, and not in force: {names}");
    (!names.is_empty()).then(|| Finding::hint("settings", state, "restart the daemon"))
}

/// Their cost is in no sum.
async fn unpriced(control: &Control) -> Option<Finding> {
    const SUBJECT: &str = "prices";
    let mut models = match unpriced_of(control, PRICED_DAYS).await {
        Ok(models) => models,
        Err(error) => {
            let fix = "read the daemon's log";
            return Some(Finding::error(SUBJECT, error.to_string(), fix));
        }
    };
    let executions: i64 = models.iter().map(|(_, count)| count).sum();
    if executions == 0 {
        return None;
    }
    models.truncate(MAX_NAMED);
    let names = models.into_iter().map(|(model, _)| model);
    let names = names.collect::<Vec<_>>().join(", ");
    let state = format!(
        "{executions} executions of the last {PRICED_DAYS} days have no price, such as of {names}"
    );
    let fix = "`agentpulse prices check` says why; `agentpulse prices update` takes a newer table";
    Some(Finding::hint(SUBJECT, state, fix))
}

/// What a client does not load, and whether changes are noticed at once.
async fn definitions(control: &Control) -> Vec<Finding> {
    const SUBJECT: &str = "definitions";
    let answer = control.report::<stats::Query>(None, &[]).await;
    let stats = match answer.map(|answer| answer.read()) {
        Ok(Ok(stats)) => stats,
        // It is of another version, of which there is a finding.
        Ok(Err(_)) => return Vec::new(),
        Err(error) => {
            let fix = "read the daemon's log";
            return vec![Finding::error(SUBJECT, error.to_string(), fix)];
        }
    };
    let errors = stats.findings.error;
    let of_library = stats.agent_counts.by_scope.get("library").unwrap_or(&0);
    let agents = stats.agent_counts.total - of_library;
    let mut findings = Vec::new();
    if stats.watch.is_late {
        let state = "a scan takes longer than 30 s: a disk does not answer";
        findings.push(Finding::error(
            SUBJECT,
            state,
            "look after the disk, or the network",
        ));
    }
    if let [first, ..] = &stats.watch.unreadable[..] {
        let state = format!("{first} cannot be read: what is shown of it may be old");
        findings.push(Finding::hint(
            SUBJECT,
            state,
            "make the folder readable for the daemon",
        ));
    }
    if errors > 0 {
        let state = format!("the client does not load all of them: {errors} errors in their files");
        findings.push(Finding::hint(
            SUBJECT,
            state,
            "`agentpulse registry check` names them",
        ));
    }
    if stats.watch.mode == "poll" && stats.agent_counts.total > 0 {
        let state = "the system does not report their changes, which are seen some seconds later";
        let fix = "raise fs.inotify.max_user_watches; a network folder is never reported";
        findings.push(Finding::hint(SUBJECT, state, fix));
    }
    if findings.is_empty() {
        findings.push(Finding::right(
            SUBJECT,
            format!("the client loads all {agents} agents"),
        ));
    }
    findings
}

/// Where the daemon accepts events; a flag of `serve` is not known here.
fn socket(set: &Path, status: &Value) -> Finding {
    const SUBJECT: &str = "socket";
    let path = status["socket"].as_str().map_or(set, Path::new);
    let shown = path.display();
    match UnixStream::connect(path) {
        Ok(_) if path != set => Finding::hint(
            SUBJECT,
            format!(
                "{shown} accepts events, and these settings say {}",
                set.display()
            ),
            format!("hooks need {}={shown}", environment::SOCKET),
        ),
        Ok(_) => Finding::right(SUBJECT, format!("{shown} accepts events")),
        Err(error) => Finding::error(SUBJECT, format!("{shown}: {error}"), "restart the daemon"),
    }
}

/// Only read while no daemon runs: beside one it would compete for the disk.
fn file(dir: &Path, name: &'static str) -> Option<Finding> {
    let path = dir.join(name);
    if !path.exists() {
        return None;
    }
    Some(match sqlite::quick_check(&path) {
        Ok(()) => Finding::right(name, "is sound"),
        Err(error) => Finding::error(name, error.to_string(), "`agentpulse restore` a backup"),
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
        let state = settings(&status(&["http.listen", "redis.url"])).map(|state| state.state);
        let expect = "changed, and not in force: http.listen, redis.url";
        assert_eq!(state.as_deref(), Some(expect));
    }
}
