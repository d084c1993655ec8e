//! The folders: whose they are, who may look into them, and whether there is room.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Finding;
use crate::config::Config;
use crate::daemon::{Found, look};

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
    match look(dir) {
        Err(reason) => {
            let state = format!("{shown}: {reason}");
            Finding::wrong(SUBJECT, state, "set data.dir to a folder of a daemon")
        }
        Ok(Found::Missing) => {
            Finding::right(SUBJECT, format!("{shown} is not there yet; serve makes it"))
        }
        Ok(Found::Empty | Found::Ours) if mode != 0o700 => {
            let state = format!("{shown} has mode {mode:04o}, others may look into it");
            Finding::wrong(SUBJECT, state, format!("chmod 700 {shown}"))
        }
        Ok(Found::Empty | Found::Ours) => {
            Finding::right(SUBJECT, format!("{shown} is yours alone"))
        }
    }
}

/// In a folder that others write to, anybody could put a socket of their own in the place of the
/// daemon's; `serve` refuses it.
fn socket_folder(folder: &Path) -> Finding {
    const SUBJECT: &str = "socket folder";
    let shown = folder.display();
    let data = match fs::metadata(folder) {
        Ok(data) => data,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::right(SUBJECT, format!("{shown} is not there yet; serve makes it"));
        }
        Err(error) => {
            let mend = "set socket.path to another folder";
            return Finding::wrong(SUBJECT, format!("{shown}: {error}"), mend);
        }
    };
    if data.uid() != rustix::process::geteuid().as_raw() {
        let mend = "set socket.path to a folder of your own";
        Finding::wrong(SUBJECT, format!("{shown} belongs to another user"), mend)
    } else if data.mode() & 0o022 != 0 {
        let state = format!("others may write to {shown}");
        Finding::wrong(SUBJECT, state, format!("chmod go-w {shown}"))
    } else {
        Finding::right(SUBJECT, format!("only you write to {shown}"))
    }
}

/// The nearest folder that there is.
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
            Finding::wrong(SUBJECT, state, "set data.dir to a folder on a working disk")
        }
    }
}

fn room(free_bytes: u64, folder: &Path) -> Finding {
    const SUBJECT: &str = "disk";
    let state = format!(
        "{} MiB are free on that of {}",
        free_bytes >> 20,
        folder.display()
    );
    if free_bytes < MIN_FREE_BYTES {
        let mend = "make room, or shorten history.keep and run `agentpulse prune`";
        return Finding::wrong(SUBJECT, state, mend);
    }
    Finding::right(SUBJECT, state)
}

/// What a disk is can only be told where the system numbers its file systems.
#[cfg(target_os = "linux")]
fn medium(dir: &Path) -> Option<Finding> {
    let existing = existing(dir);
    let told = rustix::fs::statfs(existing).ok()?;
    judge(told.f_type as u32, existing)
}

#[cfg(not(target_os = "linux"))]
fn medium(_: &Path) -> Option<Finding> {
    None
}

/// By the numbers of `statfs(2)`.
#[cfg_attr(not(target_os = "linux"), cfg(test))]
fn judge(kind: u32, folder: &Path) -> Option<Finding> {
    const SUBJECT: &str = "file system";
    let shown = folder.display();
    let network = match kind {
        0x6969 => "NFS",
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => "SMB",
        0x0102_1997 => "9p",
        0x00C3_6400 => "Ceph",
        0x5346_414F => "AFS",
        0x0102_1994 | 0x8584_58F6 => {
            let state =
                format!("{shown} is in memory, and gone with the next start of the machine");
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
    Some(Finding::wrong(
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
    use crate::cli::doctor::Mark;

    #[test]
    fn a_data_folder_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        assert_eq!(data_folder(&dir).mend, None, "not there yet");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        let mend = format!("chmod 700 {}", dir.display());
        assert_eq!(data_folder(&dir).mend, Some(mend));
        fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
        assert_eq!(data_folder(&dir).mend, None);
        fs::write(dir.join("file"), "").unwrap();
        assert!(data_folder(&dir.join("file")).mend.is_some());
    }

    #[test]
    fn a_socket_folder_is_not_writable_by_others() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o775)).unwrap();
        let mend = format!("chmod go-w {}", folder.path().display());
        assert_eq!(socket_folder(folder.path()).mend, Some(mend));
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        assert_eq!(socket_folder(folder.path()).mend, None);
    }

    #[test]
    fn databases_belong_on_a_local_disk() {
        let mark = |kind| judge(kind, Path::new("/d")).map(|finding| finding.mark);
        assert_eq!(mark(0x6969), Some(Mark::Wrong));
        assert_eq!(mark(0xFF53_4D42), Some(Mark::Wrong));
        assert_eq!(mark(0x0102_1994), Some(Mark::Hint));
        assert_eq!(mark(0xEF53), None, "ext4");
    }

    #[test]
    fn a_disk_needs_room() {
        assert!(room(MIN_FREE_BYTES - 1, Path::new("/d")).mend.is_some());
        let finding = room(MIN_FREE_BYTES, Path::new("/d"));
        assert_eq!(
            finding,
            Finding::right("disk", "512 MiB are free on that of /d")
        );
    }
}
