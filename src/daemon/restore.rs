//! The way back from a backup. Whatever ends it, the folder has either its old data whole or the
//! new ones.
//!
//! 1. The backup is unpacked into `restore.partial`, checked there, and put on the disk. The old
//!    data are not touched.
//! 2. That folder is renamed to `restore.ready`. From here on the new data count.
//! 3. The databases are moved out of it into their places, one by one, and the folder goes. What
//!    is broken off here is finished by the next command that claims the folder.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use tracing::{info, warn};

use super::backup::no_backup;
use super::entrance;
use super::failure::{EXIT_CANNOT_CREATE, EXIT_CORRUPT, Failure, cannot_create};
use super::folder::{ACCESS, Folder, HISTORY, JOURNAL};
use crate::access::Action;
use crate::backup::{self, Manifest, Progress, Restored, sync_folder, unpack};
use crate::config::Config;
use crate::failpoint::failpoint;
use crate::journal;

/// What is unpacked is here until it is found to be good.
pub const PARTIAL: &str = "restore.partial";
/// What is good is here until it is in its place.
pub const READY: &str = "restore.ready";
/// History comes last: a folder without it and with [`PARTIAL`] has no whole data.
const PLACED: [&str; 3] = [ACCESS, JOURNAL, HISTORY];
/// What SQLite keeps beside a database. A log that outlived its database would be written into
/// the one that takes its place.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

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
    // For a file that is no backup no folder is made.
    backup::manifest_of(archive).map_err(|error| no_backup(&error))?;
    let folder = Folder::claim_to_restore(config)?;
    let dir = &config.data.dir;
    finish(dir)?;
    let restored = restore_into(dir, archive, force, progress);
    // Where nothing was restored and there is no trail, none is begun.
    if restored.is_ok() || dir.join(ACCESS).exists() {
        let outcome = restored.as_ref().map(|_| ()).map_err(ToString::to_string);
        match entrance::open(config) {
            Ok(access) => entrance::note_offline(&access, Action::Restore, outcome),
            Err(error) => warn!(%error, "the audit trail could not be written"),
        }
    }
    if restored.is_ok() {
        folder.close_to_others()?;
    }
    folder.release();
    restored.map(|(restored, keys)| (restored.manifest, keys))
}

/// Finishes a restore that was broken off, or clears away what it has left.
///
/// # Errors
/// 65 where neither the old data nor the new ones are whole: a restore into a new folder did not
/// come to its end.
pub fn settle(dir: &Path) -> Result<(), Failure> {
    finish(dir)?;
    let partial = dir.join(PARTIAL);
    if !partial.exists() {
        return Ok(());
    }
    if dir.join(HISTORY).exists() {
        warn!("a restore was broken off before it had replaced anything: the old data stay");
        return remove_folder(&partial);
    }
    Err(Failure::new(
        EXIT_CORRUPT,
        format!(
            "a restore into {} was broken off: run `agentpulse restore FILE` again, or remove {} \
             to begin without it",
            dir.display(),
            partial.display()
        ),
    ))
}

/// For commands that only read: finishes a restore whose data count already, before the old ones
/// are taken for them.
///
/// # Errors
/// The folder cannot be written to.
pub fn finish_before_reading(config: &Config) -> Result<(), Failure> {
    if config.data.dir.join(READY).exists() {
        Folder::claim_existing(config)?;
    }
    Ok(())
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
    let partial = dir.join(PARTIAL);
    remove_folder(&partial)?;
    let cannot = cannot_create(PARTIAL);
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&partial)
        .map_err(cannot)?;
    let unpacked = unpack(archive, &partial, &own_epochs(dir), progress)
        .map_err(|error| no_backup(&error))
        .and_then(|restored| commit(dir, &partial).map(|keys| (restored, keys)));
    match unpacked {
        Ok(restored) => finish(dir).map(|()| restored),
        Err(failure) => {
            remove_folder(&partial)?;
            Err(failure)
        }
    }
}

/// A live view may be of the data that is about to go: it must be rebuilt, and not be taken
/// for a stranger's.
fn own_epochs(dir: &Path) -> Vec<String> {
    let path = dir.join(JOURNAL);
    if !path.exists() {
        return Vec::new();
    }
    // Not opened to write: a backup that is refused leaves a journal of an older version as it is.
    journal::epochs_of(&path).unwrap_or_else(|error| {
        warn!(%error, "a live view of the old journal will need rebuild --force");
        Vec::new()
    })
}

/// The moment from which on the new data count. Keys and the trail are put where there are none.
fn commit(dir: &Path, partial: &Path) -> Result<Keys, Failure> {
    let access = partial.join(ACCESS);
    let keys = match (access.exists(), dir.join(ACCESS).exists()) {
        (false, _) => Keys::Absent,
        (true, true) => Keys::Stayed,
        (true, false) => Keys::Restored,
    };
    if keys == Keys::Stayed {
        fs::remove_file(&access).map_err(cannot_create(ACCESS))?;
    }
    sync(&access)?;
    failpoint("restore.unpacked");
    let ready = dir.join(READY);
    fs::rename(partial, &ready).map_err(cannot_create(READY))?;
    sync(&ready)?;
    failpoint("restore.ready");
    Ok(keys)
}

/// Moves what is ready into its place. It may have been begun before: what is no longer in the
/// folder is in its place already, and its log is its own.
fn finish(dir: &Path) -> Result<(), Failure> {
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
    info!(dir = %dir.display(), "the data of a backup are in their place");
    Ok(())
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

fn sync(of: &Path) -> Result<(), Failure> {
    sync_folder(of).map_err(cannot_create(&of.display().to_string()))
}

fn remove_folder(folder: &Path) -> Result<(), Failure> {
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
