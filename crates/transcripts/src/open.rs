//! Which files may be opened: the path of a transcript comes from outside.

use std::fs::{File, OpenOptions, canonicalize};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::find::find;
use agentpulse_sources::{REDACTED_PATH, is_of_windows};

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("there is no such file")]
    Missing,
    #[error("lies outside of the folders of transcripts")]
    Outside,
    /// Of a client for Windows, whose hooks run in WSL.
    #[error("has a path of Windows: run Claude Code for Linux, in WSL")]
    OfWindows,
    /// What is kept of such a path leads nowhere.
    #[error("its path holds what looks like a secret, and is not kept")]
    Redacted,
    #[error("is not a regular file")]
    NotRegular,
    #[error("belongs to another user")]
    Foreign,
    #[error("{bytes} bytes, at most {max} are read")]
    TooLarge { bytes: u64, max: u64 },
    /// It ends before the place where the last turn ended: it is not the file that it was.
    #[error("is shorter than it was")]
    Shrunk,
    #[error("{0}")]
    Failed(String),
}

impl Unreadable {
    /// Whether it may be otherwise in a moment: the client writes its files after it
    /// reports them.
    pub fn may_pass(&self) -> bool {
        matches!(self, Unreadable::Missing | Unreadable::Failed(_))
    }
}

/// A file that may be read, and its length when it was opened.
#[derive(Debug)]
pub struct Opened {
    pub file: File,
    pub len: u64,
}

/// Opens a regular file of this process' user below one of the roots, wherever links lead. A file
/// that is not there is looked for by its session and its name.
///
/// The path is resolved first and its last part then opened without following links. One
/// who swaps a folder of it in between has the rights of this user already.
pub fn open(roots: &[PathBuf], path: &Path, max_bytes: u64) -> Result<Opened, Unreadable> {
    if path.to_str().is_some_and(is_of_windows) {
        return Err(Unreadable::OfWindows);
    }
    if !path.is_absolute() {
        return Err(Unreadable::Outside);
    }
    if path.starts_with(REDACTED_PATH) {
        return Err(Unreadable::Redacted);
    }
    let resolved = match canonicalize(path).map_err(unreadable) {
        Err(Unreadable::Missing) => find(roots, path)
            .and_then(|path| canonicalize(path).ok())
            .ok_or(Unreadable::Missing)?,
        resolved => resolved?,
    };
    if !is_below(roots, &resolved) {
        return Err(Unreadable::Outside);
    }
    // A pipe would otherwise wait for a writer, and a terminal become ours.
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(&resolved)
        .map_err(unreadable)?;
    let seen = file.metadata().map_err(unreadable)?;
    if !seen.is_file() {
        return Err(Unreadable::NotRegular);
    }
    if seen.uid() != geteuid().as_raw() {
        return Err(Unreadable::Foreign);
    }
    let len = seen.len();
    if len > max_bytes {
        return Err(Unreadable::TooLarge {
            bytes: len,
            max: max_bytes,
        });
    }
    Ok(Opened { file, len })
}

/// A folder below one of the roots, wherever links lead; `None` for any other.
pub fn folder(roots: &[PathBuf], path: &Path) -> Option<PathBuf> {
    let resolved = canonicalize(path).ok()?;
    (is_below(roots, &resolved) && resolved.is_dir()).then_some(resolved)
}

fn is_below(roots: &[PathBuf], resolved: &Path) -> bool {
    let mut roots = roots.iter().filter_map(|root| canonicalize(root).ok());
    roots.any(|root| resolved.starts_with(root))
}

pub fn unreadable(error: io::Error) -> Unreadable {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unreadable::Missing,
        // A socket cannot be opened at all, and a link only stands here when it came just now.
        _ if is_one_of(&error, &[Errno::NXIO, Errno::LOOP]) => Unreadable::NotRegular,
        _ => Unreadable::Failed(error.to_string()),
    }
}

fn is_one_of(error: &io::Error, numbers: &[Errno]) -> bool {
    Errno::from_io_error(error).is_some_and(|number| numbers.contains(&number))
}
