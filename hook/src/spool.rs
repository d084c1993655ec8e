//! The folder where lines wait for a daemon that did not answer.

use std::fs::{self, DirBuilder, OpenOptions, ReadDir};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::line::Line;

/// The default of the daemon's `spool.max_bytes`, for a spool that no daemon has seen yet: one
/// that is gone for good does not fill a disk.
const SPOOL_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// How many files the folder may hold: each hook counts them while its agent waits, at about
/// 0.5 µs a file.
const SPOOL_MAX_FILES: usize = 32_768;

/// One byte for each line that did not fit. Its length is the count: appends of concurrent hooks
/// add up without a lock.
const REFUSED: &str = "refused";

/// Beside the folder: the daemon's `spool.max_bytes`, in digits.
const BOUND_ENDING: &str = ".max_bytes";

/// A number has no more digits than these.
const BOUND_MAX_BYTES: u64 = 20;

enum Failure {
    Full,
    Unusable,
}

/// Keeps the line for the daemon in the first of `folders` that can be written, or counts it as
/// refused. A full folder refuses it: the next one is no way around the bound.
pub fn keep(folders: &[PathBuf], line: &Line, max_bytes: Option<u64>) {
    let bound = || folders.iter().find_map(|folder| told_bound(folder));
    let max_bytes = max_bytes.or_else(bound).unwrap_or(SPOOL_MAX_BYTES);
    for folder in folders {
        match store(folder, line, max_bytes) {
            Ok(()) => return,
            Err(Failure::Full) => break,
            Err(Failure::Unusable) => {}
        }
    }
    // This count is the last resort; if it fails as well, nothing can be reported.
    let _ = folders.iter().any(|folder| count_refusal(folder).is_ok());
}

fn store(folder: &Path, line: &Line, max_bytes: u64) -> Result<(), Failure> {
    let unusable = |_| Failure::Unusable;
    let wanted_bytes = line.text.len() as u64;
    if !has_room(folder, wanted_bytes, max_bytes).map_err(unusable)? {
        return Err(Failure::Full);
    }
    write(folder, line).map_err(unusable)
}

/// The folder is created when it turns out to be missing: to try that every time would lock the
/// data folder around it, in which the daemon works.
fn open(folder: &Path) -> io::Result<ReadDir> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700).create(folder)?;
            fs::read_dir(folder)
        }
        opened => opened,
    }
}

fn told_bound(folder: &Path) -> Option<u64> {
    let mut path = folder.as_os_str().to_owned();
    path.push(BOUND_ENDING);
    let file = fs::File::open(path).ok()?;
    let text = io::read_to_string(io::Read::take(file, BOUND_MAX_BYTES)).ok()?;
    text.trim_ascii().parse().ok()
}

/// Writes under a temporary name first: the daemon takes whole files only, in the order of names.
///
/// There is no fsync: it would hold the agent up for a disk, to save a line of an event that only
/// a crash of the whole machine loses.
fn write(folder: &Path, line: &Line) -> io::Result<()> {
    let (stamp, id, bytes) = (line.observed_at_micros, &line.id, line.text.len());
    let name = format!("{stamp:020}-{id}-{bytes}.json");
    let temporary = folder.join(format!(".{name}.tmp"));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = file
        .write_all(line.text.as_bytes())
        .and_then(|()| fs::rename(&temporary, folder.join(name)));
    if written.is_err() {
        // Half a file on a full disk is useless; the first error is the one that counts.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Concurrent hooks may each find the last room: the bound is exceeded by their few lines.
fn has_room(folder: &Path, wanted_bytes: u64, max_bytes: u64) -> io::Result<bool> {
    let mut used_bytes = wanted_bytes;
    let mut files = 0;
    for entry in open(folder)?.flatten() {
        if files >= SPOOL_MAX_FILES || used_bytes > max_bytes {
            return Ok(false);
        }
        let name = entry.file_name();
        if name != REFUSED {
            // A file that the daemon has just taken has no size any more.
            let size = || entry.metadata().map_or(0, |metadata| metadata.len());
            used_bytes += named_bytes(name.to_str().unwrap_or_default()).unwrap_or_else(size);
            files += 1;
        }
    }
    Ok(used_bytes <= max_bytes)
}

/// The size in a file's name: reading it from the file system takes ten times as long.
fn named_bytes(name: &str) -> Option<u64> {
    let (_, ending) = name.rsplit_once('-')?;
    let (bytes, _) = ending.split_once('.')?;
    bytes.parse().ok()
}

fn count_refusal(folder: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.open(folder.join(REFUSED))?.write_all(b".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_size() {
        let name = "00001795212072114878-74b1dd7e303f92cdc1321bffa6bbb817-526.json";
        assert_eq!(named_bytes(name), Some(526));
        assert_eq!(named_bytes(&format!(".{name}.tmp")), Some(526));
        assert_eq!(named_bytes("00001795212072114878-74b1dd7e.json"), None);
        assert_eq!(named_bytes("by-hand.json"), None);
        assert_eq!(named_bytes("refused"), None);
    }
}
