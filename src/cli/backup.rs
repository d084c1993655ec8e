//! `agentpulse backup`: journal, history and keys in one file, made by the running daemon or
//! without one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::bar;
use super::failure::{Failure, failed, io_failed};
use super::output::print;
use super::runtime::block_on;
use super::target::Target;
use agentpulse_client::{AskError, Control};
use agentpulse_config::Config;
use agentpulse_contract::exit;
use agentpulse_pipeline::backup::{KEEP, Order};
use agentpulse_server::daemon;
use agentpulse_store::backup::Progress;

/// A little longer than the daemon itself works on one.
const DEADLINE: Duration = Duration::from_secs(3_610);

#[derive(Args)]
pub struct Backup {
    /// A folder, for a file named by the time, or a file [default: backups/ in the data folder]
    #[arg(value_name = "DIR|FILE")]
    to: Option<PathBuf>,
    /// Remove all but the N newest backups of the folder afterwards
    #[arg(long, value_name = "N", value_parser = parse_keep)]
    keep: Option<usize>,
}

fn parse_keep(text: &str) -> Result<usize, String> {
    let keep = text.parse().ok().filter(|keep| KEEP.contains(keep));
    keep.ok_or_else(|| format!("must be {}..={}", KEEP.start(), KEEP.end()))
}

impl Backup {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let order = Order {
            to: self.to.as_deref().map(absolute).transpose()?,
            keep: self.keep,
        };
        let made = block_on(async {
            match beside_the_daemon(&config, &order).await {
                Err(AskError::NotRunning(_)) => without_a_daemon(&config, &order),
                Err(AskError::Refused(StatusCode::UNPROCESSABLE_ENTITY, reason)) => {
                    Err(Failure::new(exit::CORRUPT, reason))
                }
                Err(AskError::Refused(StatusCode::INSUFFICIENT_STORAGE, reason)) => {
                    Err(Failure::new(exit::CANNOT_CREATE, reason))
                }
                Err(error) => Err(error.into()),
                Ok(made) => Ok(made),
            }
        })??;
        print(&summary(&made))
    }
}

/// The daemon runs in another folder. A slash at the end means a folder.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let mut whole = std::path::absolute(path)
        .map_err(|error| io_failed(path.display(), &error))?
        .into_os_string();
    let is_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    if is_folder && !whole.as_encoded_bytes().ends_with(b"/") {
        whole.push("/");
    }
    Ok(whole.into())
}

async fn beside_the_daemon(config: &Config, order: &Order) -> Result<Value, AskError> {
    let control = Control::of(config);
    let path = question(order);
    let made = control.ask(Method::POST, &path, DEADLINE);
    bar::while_asked(made, &control, |status| {
        let backup = &status["backup"];
        Some((
            backup["stage"].as_str()?.to_owned(),
            backup["percent"].as_u64()?,
        ))
    })
    .await
}

fn question(order: &Order) -> String {
    let mut path = "/control/backup?".to_owned();
    if let Some(to) = &order.to {
        path.push_str("to=");
        path.push_str(&percent_encoded(to.as_os_str().as_encoded_bytes()));
    }
    if let Some(keep) = order.keep {
        path.push_str(&format!("&keep={keep}"));
    }
    path
}

fn percent_encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'/' | b'.' | b'-' | b'_' => text.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(*byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn without_a_daemon(config: &Config, order: &Order) -> Result<Value, Failure> {
    let progress = Progress::default();
    std::thread::scope(|scope| {
        let work = scope.spawn(|| daemon::backup_offline(config, order, &progress));
        let made = bar::wait(work, || progress.now());
        Ok(made.map_err(|_| failed("the backup was interrupted"))??)
    })
}

fn summary(made: &Value) -> String {
    let number = |field: &str| made[field].as_u64().unwrap_or(0);
    let removed = match number("removed") {
        0 => String::new(),
        removed => format!("; removed {removed} older"),
    };
    format!(
        "{} ({} KiB, up to change {}{removed})\n",
        made["path"].as_str().unwrap_or_default(),
        number("bytes").div_ceil(1024),
        number("journal_seq"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_survives_the_question() {
        let order = |to: &str, keep| Order {
            to: Some(PathBuf::from(to)),
            keep,
        };
        let asked = question(&order("/b k/ü&=/", Some(3)));
        assert_eq!(asked, "/control/backup?to=/b%20k/%C3%BC%26%3D/&keep=3");
        assert_eq!(absolute(Path::new("/a/b/")).unwrap().as_os_str(), "/a/b/");
        assert_eq!(absolute(Path::new("/a/b")).unwrap().as_os_str(), "/a/b");
    }

    #[test]
    fn a_backup_is_reported_in_one_line() {
        let made = json!({"path": "/b/x.tar", "bytes": 2048, "journal_seq": 7, "removed": 2});
        let line = "/b/x.tar (2 KiB, up to change 7; removed 2 older)\n";
        assert_eq!(summary(&made), line);
    }
}
