//! The files of a root: all that end in `.md`, hidden ones too, links followed.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::file::Stamp;

pub const MAX_DEPTH: usize = 16;
pub const MAX_FILES: usize = 10_000;
/// Of one folder, of any kind.
const MAX_ENTRIES: usize = 50_000;

/// Device and inode: what is one file or folder, by whatever name.
pub type Identity = (u64, u64);

#[derive(Debug)]
pub struct Found {
    pub path: PathBuf,
    /// None: it is there, and its state cannot be read.
    pub stamp: Option<Stamp>,
}

#[derive(Debug, Default)]
pub struct Listing {
    /// In the order of their paths.
    pub files: Vec<Found>,
    /// Folders whose contents are not known.
    pub unreadable: Vec<PathBuf>,
}

/// The files of a root that no root before it has; none where there is no root.
pub fn list(root: &Path, seen: &mut HashSet<Identity>) -> Listing {
    let mut listing = Listing::default();
    let mut folders = HashSet::new();
    visit(root, 0, &mut folders, seen, &mut listing);
    listing
}

fn visit(
    path: &Path,
    depth: usize,
    folders: &mut HashSet<Identity>,
    files: &mut HashSet<Identity>,
    listing: &mut Listing,
) {
    let is_definition = path.extension().is_some_and(|extension| extension == "md");
    let seen = match fs::metadata(path) {
        Ok(seen) => seen,
        Err(error) if is_gone(&error) => return,
        Err(_) if depth == 0 || !is_definition => {
            listing.unreadable.push(path.to_owned());
            return;
        }
        Err(_) => {
            let path = path.to_owned();
            listing.files.push(Found { path, stamp: None });
            return;
        }
    };
    let identity = (seen.dev(), seen.ino());
    if seen.is_dir() {
        // A link to a folder above it is a circle.
        if depth <= MAX_DEPTH && folders.insert(identity) {
            visit_all(path, depth, folders, files, listing);
        }
    } else if seen.is_file()
        && is_definition
        && listing.files.len() < MAX_FILES
        && files.insert(identity)
    {
        listing.files.push(Found {
            path: path.to_owned(),
            stamp: Some(Stamp::of(&seen)),
        });
    }
}

fn visit_all(
    folder: &Path,
    depth: usize,
    folders: &mut HashSet<Identity>,
    files: &mut HashSet<Identity>,
    listing: &mut Listing,
) {
    let entries: io::Result<Vec<PathBuf>> = fs::read_dir(folder).and_then(|entries| {
        let entries = entries.take(MAX_ENTRIES);
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    });
    match entries {
        Ok(mut entries) => {
            entries.sort();
            for entry in &entries {
                visit(entry, depth + 1, folders, files, listing);
            }
        }
        Err(error) if is_gone(&error) => {}
        Err(_) => listing.unreadable.push(folder.to_owned()),
    }
}

/// A link to nothing, or to itself, is nothing.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}
