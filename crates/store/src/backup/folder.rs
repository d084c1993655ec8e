//! The folders of backups: paths, names and rotation.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tracing::warn;

use super::error::Error;
use super::unpack::manifest_of;

/// A backup is written beside its target, so that it needs no space on the disk of the data.
pub(super) const PARTIAL: &str = "partial";
const OWN_FOLDER: &str = "backups";
const PREFIX: &str = "agentpulse-";
const ENDING: &str = ".tar";
/// `2026-11-20T10-15-00.123Z`: sorted by name is sorted by time, and no colon is in the way of
/// other systems.
const STAMP: &str = "%Y-%m-%dT%H-%M-%S%.3fZ";

/// Where a backup goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub path: PathBuf,
    /// The folder is one of backups, in which old ones are recognized.
    pub named_by_time: bool,
}

impl Target {
    /// A path that is a folder, or ends with a slash, takes a file named by the time; any other is
    /// the file.
    pub fn of(path: &Path, now_ms: i64) -> Target {
        let is_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.is_dir();
        if !is_folder {
            return Target {
                path: path.to_owned(),
                named_by_time: false,
            };
        }
        let stamp = jiff::Timestamp::from_millisecond(now_ms)
            .map_or_else(|_| now_ms.to_string(), |at| at.strftime(STAMP).to_string());
        Target {
            path: path.join(format!("{PREFIX}{stamp}{ENDING}")),
            named_by_time: true,
        }
    }

    /// Creates the folder that a slash at the end names, and removes the remains of interrupted
    /// backups. A file is only replaced if it is a backup.
    ///
    /// # Errors
    /// Those of the file system, and a file that is in the way.
    pub fn prepare(&self, abandoned_after: Duration) -> Result<(), Error> {
        if self.named_by_time {
            let folder = self.path.parent().unwrap_or(Path::new("/"));
            if !folder.exists() {
                make_folder(folder).map_err(|error| Error::io(folder, error))?;
            }
            return clear(folder, abandoned_after);
        }
        match fs::metadata(&self.path) {
            Ok(data) if data.is_file() && (data.len() == 0 || manifest_of(&self.path).is_ok()) => {
                Ok(())
            }
            Ok(_) => Err(Error::InTheWay(self.path.display().to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io(&self.path, error)),
        }
    }
}

/// Removes remains of interrupted backups. Younger ones may be another daemon's.
fn clear(folder: &Path, abandoned_after: Duration) -> Result<(), Error> {
    let ending = format!("{ENDING}.{PARTIAL}");
    for entry in fs::read_dir(folder).map_err(|error| Error::io(folder, error))? {
        let path = entry.map_err(|error| Error::io(folder, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stamp = name
            .strip_prefix(PREFIX)
            .and_then(|name| name.strip_suffix(&ending));
        if stamp.is_some_and(is_stamp) && is_older(&path, abandoned_after) {
            // Files of another user in a shared folder do no harm.
            if let Err(error) = fs::remove_dir_all(&path) {
                warn!(%error, path = %path.display(), "what a backup has left stays");
            }
        }
    }
    Ok(())
}

fn is_older(path: &Path, than: Duration) -> bool {
    let modified = fs::metadata(path).and_then(|data| data.modified());
    let age = modified.map(|time| SystemTime::now().duration_since(time));
    matches!(age, Ok(Ok(age)) if age >= than)
}

/// The daemon's own folder of backups, created with mode 0700.
///
/// # Errors
/// Those of the file system.
pub fn own_folder(data_dir: &Path) -> Result<PathBuf, Error> {
    let folder = data_dir.join(OWN_FOLDER);
    if !folder.is_dir() {
        make_folder(&folder).map_err(|error| Error::io(&folder, error))?;
    }
    Ok(folder)
}

/// Creates a folder, 0700, and syncs it: a folder that a power cut takes away takes along whatever
/// was synced in it.
///
/// # Errors
/// Those of the file system.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(folder)?;
    sync_folder(folder)
}

/// A file or a folder that was created or renamed is only safe once its parent folder is synced.
///
/// # Errors
/// Those of the file system.
pub fn sync_folder(of: &Path) -> io::Result<()> {
    File::open(of.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// The time of the newest backup in the daemon's own folder.
pub fn newest(data_dir: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(data_dir.join(OWN_FOLDER)).ok()?.flatten();
    let is_backup = |entry: &fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with(PREFIX) && name.ends_with(ENDING)
    };
    let times = entries.filter(is_backup);
    times
        .filter_map(|entry| entry.metadata().ok()?.modified().ok())
        .max()
}

/// Removes all but `keep` backups of the folder that `made` is in: that one stays, whatever the
/// clock said when the others were made, and of the others the newest. Returns the removed ones.
///
/// # Errors
/// Those of the file system.
pub fn rotate(made: &Path, keep: usize) -> Result<Vec<PathBuf>, Error> {
    let folder = made.parent().unwrap_or(Path::new("/"));
    let mut backups = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Error::io(folder, error))? {
        let entry = entry.map_err(|error| Error::io(folder, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if rest.strip_suffix(ENDING).is_some_and(is_stamp) && entry.path() != made {
            backups.push(entry.path());
        }
    }
    backups.sort_unstable();
    backups.truncate((backups.len() + 1).saturating_sub(keep));
    for path in &backups {
        fs::remove_file(path).map_err(|error| Error::io(path, error))?;
    }
    Ok(backups)
}

/// Whether this program wrote it: a foreign file must not be rotated away.
fn is_stamp(text: &str) -> bool {
    let pattern = b"0000-00-00T00-00-00.000Z";
    text.len() == pattern.len()
        && text.bytes().zip(pattern).all(|(byte, want)| match want {
            b'0' => byte.is_ascii_digit(),
            other => byte == *other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_a_file_named_by_the_time() {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::of(dir.path(), 1_795_169_700_123);
        let name = "agentpulse-2026-11-20T10-15-00.123Z.tar";
        assert_eq!(target.path, dir.path().join(name));
        assert!(target.named_by_time);
        assert_eq!(
            Target::of(Path::new("/b/"), 0).path.parent(),
            Some(Path::new("/b"))
        );
        let file = Target::of(&dir.path().join("one.tar"), 0);
        assert_eq!(
            (file.path, file.named_by_time),
            (dir.path().join("one.tar"), false)
        );
    }

    #[test]
    fn the_newest_stay_and_others_files_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let name = |day: u32| format!("agentpulse-2026-11-{day:02}T00-00-00.000Z.tar");
        let others = [
            "agentpulse-mine.tar",
            "notes.txt",
            "agentpulse-2026-11-01.tar",
        ];
        for file in (1..=5).map(name).chain(others.map(str::to_owned)) {
            fs::write(dir.path().join(file), "x").unwrap();
        }
        let broken = dir.path().join(format!("{}.partial", name(3)));
        fs::create_dir(&broken).unwrap();
        let target = Target::of(dir.path(), 0);
        target.prepare(Duration::from_secs(3_600)).unwrap();
        assert!(broken.exists(), "it may be under way");
        target.prepare(Duration::ZERO).unwrap();
        assert!(!broken.exists());
        // One that somebody else has left, and that cannot be removed.
        let stuck = dir.path().join(format!("{}.partial", name(4)));
        fs::write(&stuck, "").unwrap();
        target.prepare(Duration::ZERO).unwrap();
        fs::remove_file(&stuck).unwrap();
        let newest = dir.path().join(name(5));
        assert_eq!(rotate(&newest, 2).unwrap().len(), 3);
        let mut left: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let mut want = [name(4), name(5)].to_vec();
        want.extend(others.map(str::to_owned));
        want.sort();
        assert_eq!(left, want);

        // The clock was set back: the one that was just made has the oldest name.
        let made = dir.path().join(name(1));
        fs::write(&made, "x").unwrap();
        let gone = rotate(&made, 2).unwrap();
        assert_eq!(gone, [dir.path().join(name(4))]);
        assert_eq!(rotate(&made, 1).unwrap(), [newest]);
        assert!(made.exists());
    }
}
