//! Where backups are put, how they are called, and which of them go.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Error, PARTIAL};

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
    /// The folder is one of backups, in which old ones can be told.
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
}

/// The daemon's own folder of backups, made with mode 0700.
///
/// # Errors
/// Those of the file system.
pub fn own_folder(data_dir: &Path) -> Result<PathBuf, Error> {
    let folder = data_dir.join(OWN_FOLDER);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| Error::io(&folder, error))?;
    Ok(folder)
}

/// When the newest of the daemon's own folder was made.
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

/// Removes all but the `keep` newest backups of the folder that `newest` is in, and what broken
/// ones have left there. Answers what went.
///
/// # Errors
/// Those of the file system.
pub fn rotate(newest: &Path, keep: usize) -> Result<Vec<PathBuf>, Error> {
    let folder = newest.parent().unwrap_or(Path::new("/"));
    let mut backups = Vec::new();
    let mut going = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Error::io(folder, error))? {
        let entry = entry.map_err(|error| Error::io(folder, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let path = entry.path();
        if rest.strip_suffix(ENDING).is_some_and(is_stamp) {
            backups.push(path);
        } else if rest.ends_with(&format!("{ENDING}.{PARTIAL}")) && path.as_path() < newest {
            going.push(path);
        }
    }
    backups.sort_unstable();
    backups.truncate(backups.len().saturating_sub(keep));
    going.extend(backups);
    for path in &going {
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        removed.map_err(|error| Error::io(path, error))?;
    }
    Ok(going)
}

/// Whether this program wrote it: another's file is not to be rotated away.
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
        let newest = dir.path().join(name(5));
        assert_eq!(rotate(&newest, 2).unwrap().len(), 4);
        let mut left: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let mut want = [name(4), name(5)].to_vec();
        want.extend(others.map(str::to_owned));
        want.sort();
        assert_eq!(left, want);
    }
}
