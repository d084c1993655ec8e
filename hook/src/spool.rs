//! The folder where lines wait for a daemon that did not answer.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::line::Line;

/// How many files the folder may hold: each hook counts them while its agent waits, at about 2 µs
/// a file.
const SPOOL_MAX_FILES: usize = 32_768;

/// One byte for each line that found no room. Its length is the count: appends of concurrent
/// hooks add up without a lock.
const REFUSED: &str = "refused";

/// Keeps the line for the daemon, or counts it as refused when the spool is full or cannot be
/// written. Without a folder that can be made there is nowhere left to count, and the line is lost.
pub fn keep(folder: &Path, line: &Line, max_bytes: u64) {
    if DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .is_err()
    {
        return;
    }
    let kept = has_room(folder, line.text.len() as u64, max_bytes) && write(folder, line).is_ok();
    if !kept {
        // This count was the last resort; an error of it has nobody left to tell.
        let _ = count_refusal(folder);
    }
}

/// Writes under a temporary name first: the daemon takes whole files only, in the order of names.
///
/// There is no fsync: it would hold the agent up for a disk, to save a line of an event that only
/// a crash of the whole machine loses.
fn write(folder: &Path, line: &Line) -> io::Result<()> {
    let name = format!("{:020}-{}.json", line.observed_at_micros, line.id);
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
        // Half a file on a full disk helps nobody; the first error is the one that counts.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Concurrent hooks may each find the last room: the bound is exceeded by their few lines.
fn has_room(folder: &Path, wanted_bytes: u64, max_bytes: u64) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    let mut used_bytes = wanted_bytes;
    for (files, entry) in entries.flatten().enumerate() {
        if files >= SPOOL_MAX_FILES || used_bytes > max_bytes {
            return false;
        }
        if entry.file_name() != REFUSED {
            // A file that the daemon has just taken has no size any more.
            used_bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        }
    }
    used_bytes <= max_bytes
}

fn count_refusal(folder: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.open(folder.join(REFUSED))?.write_all(b".")
}
