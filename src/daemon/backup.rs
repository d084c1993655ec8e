//! Backups without a daemon, and the way back from one.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tracing::warn;

use super::failure::{EXIT_CANNOT_CREATE, EXIT_CORRUPT, Failure, cannot_create};
use super::folder::{Folder, HISTORY, JOURNAL};
use crate::backup::{self, Error, Progress, Restored, sync_folder, unpack};
use crate::config::Config;
use crate::flow::backup::{Order, Refused, perform};
use crate::journal::Journal;

/// What is unpacked is here until it is found to be good.
const WORK: &str = "restore.partial";
/// What SQLite keeps beside a database. A log that outlived its database would be written into
/// the one that takes its place.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Makes a backup of a folder on which no daemon runs.
///
/// # Errors
/// As [`run`](super::run); also when there is nothing to back up.
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
    let folder = Folder::claim(config)?;
    let made = perform(order, dir, progress).map_err(|refused| match refused {
        Refused::Backup(error) => no_backup(&error),
        other => Failure::new(1, other.to_string()),
    });
    folder.release(config);
    made
}

/// Puts a backup in the place of the data. Data that is there is only replaced by `force`, and
/// only once the backup was found to be whole.
///
/// # Errors
/// As [`run`](super::run); 65 for what is no whole backup of this version or an older one.
pub fn restore(config: &Config, archive: &Path, force: bool) -> Result<Restored, Failure> {
    let folder = Folder::claim(config)?;
    let restored = restore_into(&config.data.dir, archive, force);
    folder.release(config);
    restored
}

fn restore_into(dir: &Path, archive: &Path, force: bool) -> Result<Restored, Failure> {
    if !force
        && [JOURNAL, HISTORY]
            .iter()
            .any(|name| dir.join(name).exists())
    {
        return Err(Failure::new(
            EXIT_CANNOT_CREATE,
            format!(
                "{} has data of its own: move it away, or give it up with --force",
                dir.display()
            ),
        ));
    }
    let work = dir.join(WORK);
    remove_folder(&work)?;
    let cannot = cannot_create(WORK);
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&work)
        .map_err(cannot)?;
    let restored = unpack(archive, &work, &own_epochs(dir))
        .map_err(|error| no_backup(&error))
        .and_then(|restored| put(dir, &work).map(|()| restored));
    remove_folder(&work)?;
    restored
}

/// A live picture may be of the data that is about to go: it must be made anew, and not be taken
/// for a stranger's.
fn own_epochs(dir: &Path) -> Vec<String> {
    let path = dir.join(JOURNAL);
    if !path.exists() {
        return Vec::new();
    }
    match Journal::open(&path) {
        Ok(journal) => {
            let mut epochs = journal.past_epochs().to_vec();
            epochs.push(journal.epoch().to_owned());
            epochs
        }
        Err(error) => {
            warn!(%error, "a live picture of the old journal will need rebuild --force");
            Vec::new()
        }
    }
}

/// The old history goes first and the new one comes last. Whatever breaks this off, no history is
/// left with a journal that lacks something of it: a journal that has all stands in for it, and
/// any other is refused.
fn put(dir: &Path, work: &Path) -> Result<(), Failure> {
    for name in [HISTORY, JOURNAL] {
        remove_database(&dir.join(name))?;
    }
    for name in [JOURNAL, HISTORY] {
        let place = dir.join(name);
        fs::rename(work.join(name), &place).map_err(cannot_create(name))?;
        sync_folder(&place).map_err(|error| no_backup(&error))?;
    }
    Ok(())
}

fn remove_database(path: &Path) -> Result<(), Failure> {
    for ending in ["", BESIDE[0], BESIDE[1]] {
        let mut file = path.as_os_str().to_owned();
        file.push(ending);
        match fs::remove_file(PathBuf::from(&file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(cannot_create(&file.to_string_lossy())(error));
            }
            _ => {}
        }
    }
    sync_folder(path).map_err(|error| no_backup(&error))
}

fn remove_folder(work: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(work) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(cannot_create(&work.display().to_string())(error))
        }
        _ => Ok(()),
    }
}

fn no_backup(error: &Error) -> Failure {
    let code = match error {
        error if error.is_damage() => EXIT_CORRUPT,
        backup::Error::Io { .. } => EXIT_CANNOT_CREATE,
        _ => 1,
    };
    Failure::new(code, error.to_string())
}
