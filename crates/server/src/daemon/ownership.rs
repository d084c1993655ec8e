//! Whether a folder is a daemon's data folder, checked before anything in it is touched.
//!
//! A path with a typo can name a folder of something else. Nothing is written into a folder, and
//! its mode is not changed, unless it is a daemon's or empty.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::settle::{PARTIAL, READY};
use agentpulse_contract::data_folder::{ACCESS, HISTORY, JOURNAL, LOCK, SPOOL};
use agentpulse_contract::spool;

/// The files of a data folder: at least two exist, as the lock is created before any database.
const OWN: [&str; 5] = [LOCK, JOURNAL, HISTORY, ACCESS, READY];
/// What may be in a folder before a daemon first runs on it: files of hooks, remains of a start or
/// a restore that was interrupted, keys that were moved here, what a new disk has.
const BEFOREHAND: [&str; 5] = [LOCK, ACCESS, SPOOL, PARTIAL, "lost+found"];
const OTHERS_WRITE: u32 = 0o022;

/// A folder that the daemon may work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Missing,
    /// There is nothing of others in it.
    Empty,
    Ours,
}

/// Inspects a folder and changes nothing.
///
/// # Errors
/// Why this is no folder for a daemon, in words.
pub fn inspect(dir: &Path) -> Result<Found, String> {
    let data = match fs::metadata(dir) {
        Ok(data) => data,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match fs::symlink_metadata(dir) {
                Ok(_) => Err("it is a link to a folder that does not exist".to_owned()),
                Err(_) => Ok(Found::Missing),
            };
        }
        Err(error) => return Err(error.to_string()),
    };
    if !data.is_dir() {
        return Err("it is not a folder".to_owned());
    }
    if data.uid() != rustix::process::geteuid().as_raw() {
        let uid = data.uid();
        return Err(format!(
            "it belongs to another user (uid {uid}): run as that user, or name another folder"
        ));
    }
    if data.mode() & OTHERS_WRITE != 0 {
        let mode = data.mode() & 0o7777;
        return Err(format!(
            "others can write to it (mode {mode:04o}): name a folder of your own"
        ));
    }
    let names = names(dir).map_err(|error| error.to_string())?;
    let own = names.iter().filter(|name| OWN.contains(&name.as_str()));
    if own.count() > 1 {
        return Ok(Found::Ours);
    }
    let strange = names
        .iter()
        .find(|name| !BEFOREHAND.contains(&name.as_str()) && !is_of_spool(name));
    match strange {
        None => Ok(Found::Empty),
        Some(name) => Err(format!(
            "it holds other files ({name:?} for one) and no journal of agentpulse: name an empty \
             folder, or one of a daemon"
        )),
    }
}

/// The bound of the default spool, or the spool beside a socket.
fn is_of_spool(name: &str) -> bool {
    spool::bound_of(Path::new(SPOOL)) == Path::new(name) || spool::is_beside_socket(name)
}

fn names(dir: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(dir)?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn with(names: &[&str]) -> Result<Found, String> {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(dir.path().join(name), "").unwrap();
        }
        inspect(dir.path())
    }

    #[test]
    fn a_folder_is_ours_by_what_is_in_it() {
        assert_eq!(with(&[]), Ok(Found::Empty));
        let beforehand = ["lock", "spool", "spool.max_bytes", "agentpulse.sock.spool"];
        assert_eq!(with(&beforehand), Ok(Found::Empty));
        for ours in [
            &["lock", "access.db"][..],
            &["journal.db", "history.db", "notes.txt"],
            &["lock", "history.db", "redis.sock"],
        ] {
            assert_eq!(with(ours), Ok(Found::Ours), "{ours:?}");
        }
        for strange in [&["notes.txt"][..], &["journal.db"], &["lock", "notes.txt"]] {
            let why = with(strange).unwrap_err();
            assert!(why.contains("no journal of agentpulse"), "{why}");
        }
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused_even_with_a_journal() {
        let dir = tempfile::tempdir().unwrap();
        for name in OWN {
            fs::write(dir.path().join(name), "").unwrap();
        }
        for (mode, is_ours) in [(0o1777, false), (0o770, false), (0o755, true)] {
            fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
            assert_eq!(inspect(dir.path()).is_ok(), is_ours, "{mode:o}");
        }
        assert_eq!(inspect(&dir.path().join("none")), Ok(Found::Missing));
        let file = dir.path().join(LOCK);
        assert!(inspect(&file).unwrap_err().contains("not a folder"));
    }
}
