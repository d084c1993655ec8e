//! The room on a disk.

use std::path::Path;

/// How much room there is on the disk of a file or a folder, in words.
pub(super) fn free(path: &Path) -> String {
    match free_bytes(path) {
        Some(bytes) => format!("{} KiB are free", bytes >> 10),
        None => "nobody knows how much is free".to_owned(),
    }
}

pub(super) fn free_bytes(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}
