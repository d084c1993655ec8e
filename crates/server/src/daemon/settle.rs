//! Finishes an interrupted restore, or removes its remains. Each command that claims the folder
//! does so first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracing::{info, warn};

use super::failure::{Failure, cannot_create};
use agentpulse_contract::data_folder::{ACCESS, HISTORY, JOURNAL, REGISTRY, TASKS};
use agentpulse_contract::exit;
use agentpulse_failpoint::failpoint;
use agentpulse_store::backup::sync_folder;

/// The unpacked data of a backup until it is checked.
pub const PARTIAL: &str = "restore.partial";
/// The checked data until it is in its place.
pub const READY: &str = "restore.ready";
/// History comes last: a folder without it and with [`PARTIAL`] has no whole data.
const PLACED: [&str; 5] = [TASKS, REGISTRY, ACCESS, JOURNAL, HISTORY];
/// The files that SQLite keeps beside a database. A log that outlived its database would be written
/// into the one that takes its place.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Finishes an interrupted restore, or removes its remains.
///
/// # Errors
/// 65 if neither the old nor the new data is complete: a restore into a new folder did not
/// finish.
pub fn settle(dir: &Path) -> Result<(), Failure> {
    finish(dir)?;
    let partial = dir.join(PARTIAL);
    if !partial.exists() {
        return Ok(());
    }
    if dir.join(HISTORY).exists() {
        warn!("a restore was interrupted before it had replaced anything: the old data stays");
        return remove_folder(&partial);
    }
    Err(Failure::new(
        exit::CORRUPT,
        format!(
            "a restore into {} was interrupted: run `agentpulse restore FILE` again, or remove {} \
             to start without it",
            dir.display(),
            partial.display()
        ),
    ))
}

/// Moves the checked data into its place. It may have started before: a file that is no longer in
/// the folder is in its place already, and the log beside it is its own.
pub fn finish(dir: &Path) -> Result<(), Failure> {
    let ready = dir.join(READY);
    if !ready.exists() {
        return Ok(());
    }
    for name in PLACED {
        let from = ready.join(name);
        if !from.exists() {
            continue;
        }
        let place = dir.join(name);
        for ending in BESIDE {
            let beside = beside(&place, ending);
            removed(fs::remove_file(&beside), &beside)?;
        }
        fs::rename(&from, &place).map_err(cannot_create(name))?;
        sync(&place)?;
        failpoint("restore.placed");
    }
    remove_folder(&ready)?;
    sync(&ready)?;
    failpoint("restore.done");
    info!(dir = %dir.display(), "the data of the backup is in place");
    Ok(())
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

pub fn sync(of: &Path) -> Result<(), Failure> {
    sync_folder(of).map_err(cannot_create(&of.display().to_string()))
}

pub fn remove_folder(folder: &Path) -> Result<(), Failure> {
    removed(fs::remove_dir_all(folder), folder)
}

fn removed(outcome: io::Result<()>, path: &Path) -> Result<(), Failure> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(cannot_create(&path.display().to_string())(error))
        }
        _ => Ok(()),
    }
}
