//! The folder where lines wait for a daemon that did not answer.

use std::fs::{self, DirBuilder, OpenOptions, ReadDir};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use agentpulse_contract::spool::{
    DEFAULT_MAX_BYTES, MAX_FILES, REFUSED, bound_of, file_name, named_bytes, temporary_name,
};

use crate::line::Line;

/// A number has no more digits than these.
const BOUND_MAX_BYTES: u64 = 20;

enum Failure {
    Full,
    Unusable,
}

/// Keeps the line for the daemon in the first of `folders` that can be written, or counts it as
/// refused. A full folder refuses it: the next one is no way around the bound.
pub fn keep(folders: &[PathBuf], line: &Line, max_bytes: Option<u64>) {
    let by_daemon = || folders.iter().find_map(|folder| bound(folder));
    let max_bytes = max_bytes.or_else(by_daemon).unwrap_or(DEFAULT_MAX_BYTES);
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

fn bound(folder: &Path) -> Option<u64> {
    let file = fs::File::open(bound_of(folder)).ok()?;
    let text = io::read_to_string(io::Read::take(file, BOUND_MAX_BYTES)).ok()?;
    text.trim_ascii().parse().ok()
}

/// Writes under a temporary name first: the daemon takes whole files only, in the order of names.
///
/// There is no fsync: it would hold the agent up for a disk, to save a line of an event that only
/// a crash of the whole machine loses.
fn write(folder: &Path, line: &Line) -> io::Result<()> {
    let name = file_name(line.observed_at_micros, &line.id, line.text.len());
    let temporary = folder.join(temporary_name(&name));
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
        if files >= MAX_FILES || used_bytes > max_bytes {
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

fn count_refusal(folder: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.open(folder.join(REFUSED))?.write_all(b".")
}
