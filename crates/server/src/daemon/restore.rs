//! Restores a backup. Whatever interrupts it, the folder has either all of its old data or all of
//! the new data.
//!
//! 1. The backup is unpacked into `restore.partial`, checked there, and put on the disk. The old
//!    data is not touched.
//! 2. That folder is renamed to `restore.ready`. From here on the new data counts.
//! 3. The databases are moved out of it into their places, one by one, and the folder goes. What
//!    is interrupted here is finished by the next command that claims the folder.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use tracing::warn;

use super::access;
use super::backup::no_backup;
use super::failure::{Failure, cannot_create};
use super::folder::Folder;
use super::settle::{PARTIAL, READY, finish, remove_folder, sync};
use agentpulse_config::Config;
use agentpulse_contract::data_folder::{ACCESS, HISTORY, JOURNAL};
use agentpulse_contract::exit;
use agentpulse_failpoint::failpoint;
use agentpulse_store::access::Action;
use agentpulse_store::backup::{self, Manifest, Progress, Restored, unpack};
use agentpulse_store::journal;

/// What happened to the keys and the audit trail of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    Restored,
    /// The folder had its own, and those stay: the trail is never made shorter, and no revoked key
    /// becomes valid again.
    Stayed,
    /// It has none.
    Absent,
}

/// Replaces the data by a backup. Existing data is only replaced with `force`, and only after the
/// backup was checked. The audit trail records it.
///
/// # Errors
/// As [`run`](super::run()); 65 for anything but a complete backup of this version or an older one.
pub fn restore(
    config: &Config,
    archive: &Path,
    force: bool,
    progress: &Progress,
) -> Result<(Manifest, Keys), Failure> {
    // A file that is no backup must not create a folder.
    backup::manifest_of(archive).map_err(|error| no_backup(&error))?;
    let folder = Folder::claim_to_restore(config)?;
    let dir = &config.data.dir;
    finish(dir)?;
    let restored = restore_into(dir, archive, force, progress);
    // A failed restore does not start a trail.
    if restored.is_ok() || dir.join(ACCESS).exists() {
        let outcome = restored.as_ref().map(|_| ()).map_err(ToString::to_string);
        match access::open(config) {
            Ok(access) => access::note_offline(&access, Action::Restore, outcome),
            Err(error) => warn!(%error, "the audit trail could not be written"),
        }
    }
    if restored.is_ok() {
        folder.close_to_others()?;
    }
    folder.release();
    restored.map(|(restored, keys)| (restored.manifest, keys))
}

/// For commands that only read: finishes a restore whose data counts already, before the old data
/// is read instead.
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
            exit::CANNOT_CREATE,
            format!(
                "{} has data already: move it away, or replace it with --force",
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

/// A live view may belong to the data that is about to go: it must be rebuilt, and not be taken for
/// another daemon's.
fn own_epochs(dir: &Path) -> Vec<String> {
    let path = dir.join(JOURNAL);
    if !path.exists() {
        return Vec::new();
    }
    // Opened read-only: a rejected backup leaves a journal of an older version as it is.
    journal::epochs_of(&path).unwrap_or_else(|error| {
        warn!(%error, "a live view of the old journal will need rebuild --force");
        Vec::new()
    })
}

/// From this moment on the new data counts. Keys and trail are restored if there are none.
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
