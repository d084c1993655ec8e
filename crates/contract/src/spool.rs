//! The spool: a folder where hooks leave lines while the daemon does not answer. Each line is a
//! file whose name sorts by time and says its size; the daemon removes it once the line is in the
//! journal. Beside the folder a file says how much it may hold.

use std::path::{Path, PathBuf};

/// How many files the folder may hold: each hook counts them while its agent waits, at about
/// 0.5 µs a file.
pub const MAX_FILES: usize = 32_768;
/// The default of `spool.max_bytes`, which also bounds a spool that no daemon has seen yet.
pub const DEFAULT_MAX_BYTES: u64 = 64 << 20;
/// In the folder: one byte for each line that did not fit. Its length is the count: appends of
/// concurrent hooks add up without a lock.
pub const REFUSED: &str = "refused";

const LINE: &str = ".json";
/// Of a file that is not whole yet.
const TEMPORARY: &str = ".tmp";
/// Beside the folder: `spool.max_bytes`, in digits, for the hook program, which reads no settings.
const BOUND: &str = ".max_bytes";
/// Beside the socket: where hooks leave their lines when the folder itself cannot be written.
const BESIDE_SOCKET: &str = ".spool";

/// The name of a line that was observed so many microseconds after 1970.
pub fn file_name(observed_at_micros: u64, id: &str, bytes: usize) -> String {
    format!("{observed_at_micros:020}-{id}-{bytes}{LINE}")
}

/// The name under which a file is written before it is renamed to `name`: the daemon takes whole
/// files only.
pub fn temporary_name(name: &str) -> String {
    format!(".{name}{TEMPORARY}")
}

pub fn is_line(name: &str) -> bool {
    name.ends_with(LINE)
}

pub fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY)
}

/// The part of the name of a line, temporary or not, by which lines are sorted.
pub fn stamp(name: &str) -> &str {
    name.trim_start_matches('.')
}

/// The size in a file's name: reading it from the file system takes ten times as long.
pub fn named_bytes(name: &str) -> Option<u64> {
    let (_, ending) = name.rsplit_once('-')?;
    let (bytes, _) = ending.split_once('.')?;
    bytes.parse().ok()
}

/// The file beside the folder that holds its bound.
pub fn bound_of(folder: &Path) -> PathBuf {
    with_ending(folder, BOUND)
}

/// The name under which the bound is written before it is renamed.
pub fn temporary_bound_of(folder: &Path) -> PathBuf {
    with_ending(&bound_of(folder), TEMPORARY)
}

/// The folder that stands in for one that cannot be written.
pub fn beside_socket(socket: &Path) -> PathBuf {
    with_ending(socket, BESIDE_SOCKET)
}

pub fn is_beside_socket(name: &str) -> bool {
    name.ends_with(BESIDE_SOCKET)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_time_and_size() {
        let id = "74b1dd7e303f92cdc1321bffa6bbb817";
        let name = file_name(1_795_212_072_114_878, id, 526);
        let expected = "00001795212072114878-74b1dd7e303f92cdc1321bffa6bbb817-526.json";
        assert_eq!(name, expected);
        let temporary = temporary_name(&name);
        assert!(is_line(&name) && !is_line(&temporary) && is_temporary(&temporary));
        assert_eq!(named_bytes(&name), Some(526));
        assert_eq!(named_bytes(&temporary), Some(526));
        assert!(stamp(&temporary).starts_with(&name));
        assert_eq!(named_bytes("00001795212072114878-74b1dd7e.json"), None);
        assert_eq!(named_bytes("by-hand.json"), None);
        assert_eq!(named_bytes(REFUSED), None);
    }

    #[test]
    fn what_is_beside_the_folder_and_the_socket() {
        let folder = Path::new("/d/spool");
        assert_eq!(bound_of(folder), Path::new("/d/spool.max_bytes"));
        let temporary = Path::new("/d/spool.max_bytes.tmp");
        assert_eq!(temporary_bound_of(folder), temporary);
        let beside = beside_socket(Path::new("/r/agentpulse.sock"));
        assert_eq!(beside, Path::new("/r/agentpulse.sock.spool"));
        assert!(is_beside_socket("agentpulse.sock.spool"));
    }
}
