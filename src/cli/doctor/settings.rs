//! The settings: whether others can read the secrets in them, and whether HTTP needs a key.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::finding::Finding;
use agentpulse_config::{Config, Source};
use agentpulse_contract::data_folder::ACCESS;
use agentpulse_store::access::Access;

pub fn findings(config: &Config, file: Option<&Path>) -> Vec<Finding> {
    let file = file.and_then(|file| readable(file, &secrets(config)));
    file.into_iter().chain(reachable(config)).collect()
}

/// The secrets in the settings file.
fn secrets(config: &Config) -> Vec<String> {
    let url = config.redis.url.as_ref();
    let has_password = url.is_some_and(|url| url.password.is_some());
    let is_secret = |key: &str| match key {
        "redis.url" => has_password,
        key => key.starts_with("alerts.webhooks.") && key.ends_with(".url"),
    };
    let settings = config.describe().iter();
    let secrets = settings.filter(|row| row.source == Source::File && is_secret(&row.key));
    secrets.map(|row| row.key.clone()).collect()
}

fn readable(file: &Path, secrets: &[String]) -> Option<Finding> {
    const SUBJECT: &str = "settings";
    let mode = fs::metadata(file).ok()?.mode();
    let (shown, names) = (file.display(), secrets.join(", "));
    if secrets.is_empty() {
        return None;
    }
    // Readable by a group can be intended: a system unit reads a file of root.
    if mode & 0o004 == 0 {
        let state = format!("others cannot read the secrets in {shown}");
        return Some(Finding::right(SUBJECT, state));
    }
    let state = format!("everybody on this machine can read {names} in {shown}");
    Some(Finding::error(SUBJECT, state, format!("chmod o-r {shown}")))
}

fn reachable(config: &Config) -> Option<Finding> {
    const SUBJECT: &str = "http";
    let listen = config.http.listen;
    if listen.ip().to_canonical().is_loopback() {
        return None;
    }
    let file = config.data.dir.join(ACCESS);
    let keys = file.exists().then(|| Access::open_to_read(&file));
    Some(match keys {
        Some(Err(error)) => {
            let fix = "`agentpulse restore` a backup";
            Finding::error(SUBJECT, error.to_string(), fix)
        }
        Some(Ok(access)) if access.has_keys() => {
            let state = format!("{listen} is reachable from other machines, without TLS");
            Finding::hint(SUBJECT, state, "let only a TLS proxy reach it")
        }
        _ => {
            let state =
                format!("{listen} is reachable from other machines, and there is no API key");
            let fix = "`agentpulse key create NAME`, or set http.listen to 127.0.0.1";
            Finding::error(SUBJECT, state, fix)
        }
    })
}
