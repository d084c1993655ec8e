//! Backups without a daemon.

use serde_json::Value;

use super::failure::Failure;
use super::folder::Folder;
use agentpulse_config::Config;
use agentpulse_contract::data_folder::{HISTORY, JOURNAL};
use agentpulse_contract::exit;
use agentpulse_pipeline::backup::{Order, Refused, perform};
use agentpulse_store::backup::{Error, Progress};

/// Backs up a folder on which no daemon runs.
///
/// # Errors
/// As [`run`](super::run()); also when there is nothing to back up.
pub fn backup_offline(
    config: &Config,
    order: &Order,
    progress: &Progress,
) -> Result<Value, Failure> {
    let dir = config.data.dir.clone();
    if !dir.join(JOURNAL).exists() || !dir.join(HISTORY).exists() {
        let message = format!("there is nothing to back up in {}", dir.display());
        return Err(Failure::new(1, message));
    }
    let folder = Folder::claim_existing(config)?;
    let made = perform(order, dir, progress).map_err(|refused| match refused {
        Refused::Backup(error) => no_backup(&error),
        other => Failure::new(1, other.to_string()),
    });
    folder.release();
    made
}

pub fn no_backup(error: &Error) -> Failure {
    let code = match error {
        error if error.is_damage() => exit::CORRUPT,
        error if error.is_of_place() => exit::CANNOT_CREATE,
        _ => 1,
    };
    Failure::new(code, error.to_string())
}
