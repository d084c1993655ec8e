//! Backups without a daemon, and the way back from one.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tracing::warn;

use super::entrance;
use super::failure::{EXIT_CANNOT_CREATE, EXIT_CORRUPT, Failure, cannot_create};
use super::folder::{ACCESS, Folder, HISTORY, JOURNAL};
use crate::access::Action;
use crate::backup::{self, Error, Manifest, Progress, Restored, sync_folder, unpack};
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

/// What became of the keys and the audit trail of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    Restored,
    /// There were others in the folder, and those stay: the trail is never made shorter, and no
    /// key that was revoked opens again.
    Stayed,
    /// It has none.
    Absent,
}

/// Puts a backup in the place of the data. Data that is there is only replaced by `force`, and
/// only once the backup was found to be whole. The audit trail tells of it.
///
/// # Errors
/// As [`run`](super::run); 65 for what is no whole backup of this version or an older one.
pub fn restore(
    config: &Config,
    archive: &Path,
    force: bool,
    progress: &Progress,
) -> Result<(Manifest, Keys), Failure> {
    let folder = Folder::claim(config)?;
    let dir = &config.data.dir;
    let restored = restore_into(dir, archive, force, progress);
    // Where nothing was restored and there is no trail, none is begun.
    if restored.is_ok() || dir.join(ACCESS).exists() {
        let outcome = restored.as_ref().map(|_| ()).map_err(ToString::to_string);
        match entrance::open(config) {
            Ok(access) => entrance::note_offline(&access, Action::Restore, outcome),
            Err(error) => warn!(%error, "the audit trail could not be written"),
        }
    }
    folder.release(config);
    restored.map(|(restored, keys)| (restored.manifest, keys))
}

fn restore_into(
    dir: &Path,
    archive: &Path,
    force: bool,
    progress: &Progress,
) -> Result<(Restored, Keys), Failure> {
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
    let restored = unpack(archive, &work, &own_epochs(dir), progress)
        .map_err(|error| no_backup(&error))
        .and_then(|restored| put(dir, &work).map(|keys| (restored, keys)));
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
/// any other is refused. Keys and the trail are put where there are none.
fn put(dir: &Path, work: &Path) -> Result<Keys, Failure> {
    let keys = match (work.join(ACCESS).exists(), dir.join(ACCESS).exists()) {
        (false, _) => Keys::Absent,
        (true, true) => Keys::Stayed,
        (true, false) => Keys::Restored,
    };
    if keys == Keys::Restored {
        // A log without its database is nobody's.
        remove_database(&dir.join(ACCESS))?;
        put_one(dir, work, ACCESS)?;
    }
    for name in [HISTORY, JOURNAL] {
        remove_database(&dir.join(name))?;
    }
    for name in [JOURNAL, HISTORY] {
        put_one(dir, work, name)?;
    }
    Ok(keys)
}

fn put_one(dir: &Path, work: &Path, name: &str) -> Result<(), Failure> {
    let place = dir.join(name);
    fs::rename(work.join(name), &place).map_err(cannot_create(name))?;
    sync_folder(&place).map_err(|error| no_backup(&error))
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
