//! The folders: their owner, their mode, and whether there is free space.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::finding::Finding;
use agentpulse_config::Config;
use agentpulse_server::daemon::{Found, inspect};

/// The journal and the history of a busy week take some hundred MB, and SQLite needs room for its
/// logs besides.
const MIN_FREE_BYTES: u64 = 512 << 20;

pub fn findings(config: &Config) -> Vec<Finding> {
    let dir = &config.data.dir;
    let mut findings = vec![data_folder(dir), disk(dir)];
    findings.extend(medium(dir));
    if let Some(folder) = config.socket.path.parent()
        && folder != config.data.dir
    {
        findings.push(socket_folder(folder));
    }
    findings
}

fn data_folder(dir: &Path) -> Finding {
    const SUBJECT: &str = "data folder";
    let shown = dir.display();
    let mode = fs::metadata(dir).map_or(0o700, |data| data.mode() & 0o777);
    match inspect(dir) {
        Err(reason) => {
            let state = format!("{shown}: {reason}");
            Finding::error(SUBJECT, state, "set data.dir to a folder of a daemon")
        }
        Ok(Found::Missing) => Finding::right(
            SUBJECT,
            format!("{shown} does not exist yet; serve creates it"),
        ),
        Ok(Found::Empty | Found::Ours) if mode != 0o700 => {
            let state = format!("{shown} has mode {mode:04o}, others can read it");
            Finding::error(SUBJECT, state, format!("chmod 700 {shown}"))
        }
        Ok(Found::Empty | Found::Ours) => {
            Finding::right(SUBJECT, format!("{shown} is private to you"))
        }
    }
}

/// In a folder that others can write to, anybody could replace the daemon's socket with one of
/// their own; `serve` refuses it.
fn socket_folder(folder: &Path) -> Finding {
    const SUBJECT: &str = "socket folder";
    let shown = folder.display();
    let data = match fs::metadata(folder) {
        Ok(data) => data,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::right(
                SUBJECT,
                format!("{shown} does not exist yet; serve creates it"),
            );
        }
        Err(error) => {
            let fix = "set socket.path to another folder";
            return Finding::error(SUBJECT, format!("{shown}: {error}"), fix);
        }
    };
    if data.uid() != rustix::process::geteuid().as_raw() {
        let fix = "set socket.path to a folder of your own";
        Finding::error(SUBJECT, format!("{shown} belongs to another user"), fix)
    } else if data.mode() & 0o022 != 0 {
        let state = format!("others may write to {shown}");
        Finding::error(SUBJECT, state, format!("chmod go-w {shown}"))
    } else {
        Finding::right(SUBJECT, format!("only you write to {shown}"))
    }
}

/// The nearest folder that exists.
fn existing(dir: &Path) -> &Path {
    let existing = dir.ancestors().find(|folder| folder.exists());
    existing.unwrap_or(Path::new("/"))
}

fn disk(dir: &Path) -> Finding {
    const SUBJECT: &str = "disk";
    let existing = existing(dir);
    match rustix::fs::statvfs(existing) {
        Ok(disk) => room(disk.f_bavail.saturating_mul(disk.f_frsize), existing),
        Err(error) => {
            let state = format!("{}: {error}", existing.display());
            Finding::error(SUBJECT, state, "set data.dir to a folder on a working disk")
        }
    }
}

fn room(free_bytes: u64, folder: &Path) -> Finding {
    const SUBJECT: &str = "disk";
    let state = format!(
        "{} MiB are free on the disk of {}",
        free_bytes >> 20,
        folder.display()
    );
    if free_bytes < MIN_FREE_BYTES {
        let fix = "free some space, or shorten history.keep and run `agentpulse prune`";
        return Finding::error(SUBJECT, state, fix);
    }
    Finding::right(SUBJECT, state)
}

/// The kind of a disk is only known where the system numbers its file systems.
#[cfg(target_os = "linux")]
fn medium(dir: &Path) -> Option<Finding> {
    let existing = existing(dir);
    let disk = rustix::fs::statfs(existing).ok()?;
    evaluate(disk.f_type as u32, existing)
}

#[cfg(not(target_os = "linux"))]
fn medium(_: &Path) -> Option<Finding> {
    None
}

/// By the numbers of `statfs(2)`.
#[cfg_attr(not(target_os = "linux"), cfg(test))]
fn evaluate(kind: u32, folder: &Path) -> Option<Finding> {
    const SUBJECT: &str = "file system";
    let shown = folder.display();
    let network = match kind {
        0x6969 => "NFS",
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => "SMB",
        0x0102_1997 => "9p",
        0x00C3_6400 => "Ceph",
        0x5346_414F => "AFS",
        0x0102_1994 | 0x8584_58F6 => {
            let state = format!("{shown} is in memory, and lost when the machine restarts");
            return Some(Finding::hint(
                SUBJECT,
                state,
                "set data.dir to a folder on a disk",
            ));
        }
        _ => return None,
    };
    let state = format!(
        "{shown} is on a network ({network}), where SQLite's write-ahead log and the lock of the \
         folder do not hold"
    );
    Some(Finding::error(
        SUBJECT,
        state,
        "set data.dir to a folder on a local disk",
    ))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::doctor::finding::Level;

    #[test]
    fn a_data_folder_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        assert_eq!(data_folder(&dir).fix, None, "not there yet");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        let fix = format!("chmod 700 {}", dir.display());
        assert_eq!(data_folder(&dir).fix, Some(fix));
        fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
        assert_eq!(data_folder(&dir).fix, None);
        fs::write(dir.join("file"), "").unwrap();
        assert!(data_folder(&dir.join("file")).fix.is_some());
    }

    #[test]
    fn a_socket_folder_is_not_writable_by_others() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o775)).unwrap();
        let fix = format!("chmod go-w {}", folder.path().display());
        assert_eq!(socket_folder(folder.path()).fix, Some(fix));
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        assert_eq!(socket_folder(folder.path()).fix, None);
    }

    #[test]
    fn databases_belong_on_a_local_disk() {
        let level = |kind| evaluate(kind, Path::new("/d")).map(|finding| finding.level);
        assert_eq!(level(0x6969), Some(Level::Error));
        assert_eq!(level(0xFF53_4D42), Some(Level::Error));
        assert_eq!(level(0x0102_1994), Some(Level::Hint));
        assert_eq!(level(0xEF53), None, "ext4");
    }

    #[test]
    fn a_disk_needs_room() {
        assert!(room(MIN_FREE_BYTES - 1, Path::new("/d")).fix.is_some());
        let finding = room(MIN_FREE_BYTES, Path::new("/d"));
        assert_eq!(
            finding,
            Finding::right("disk", "512 MiB are free on the disk of /d")
        );
    }
}
