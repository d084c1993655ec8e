//! The files of a root: all that end in `.md`, hidden ones too, links followed.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::file::{Identity, Stamp};

const MAX_DEPTH: usize = 16;
const MAX_FILES: usize = 10_000;
/// Of one folder, of any kind.
const MAX_ENTRIES: usize = 50_000;
/// Of one root.
const MAX_FOLDERS: usize = 4_096;

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
    /// All folders, and files that are elsewhere and linked here: where something may change.
    pub sources: Vec<PathBuf>,
    /// There is more than is listed.
    pub is_cut: bool,
}

/// The files of a root; none where there is no root.
pub fn list(root: &Path) -> Listing {
    let mut visit = Visit {
        folders: HashSet::new(),
        files: HashSet::new(),
        listing: Listing::default(),
    };
    visit.any(root, false, 0);
    visit.listing
}

struct Visit {
    folders: HashSet<Identity>,
    files: HashSet<Identity>,
    listing: Listing,
}

impl Visit {
    fn any(&mut self, path: &Path, is_link: bool, depth: usize) {
        let is_definition = path.extension().is_some_and(|extension| extension == "md");
        let listing = &mut self.listing;
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
            self.folder(path, identity, depth);
        } else if seen.is_file() && is_definition && self.files.insert(identity) {
            if listing.files.len() == MAX_FILES {
                listing.is_cut = true;
                return;
            }
            if is_link {
                listing.sources.push(path.to_owned());
            }
            listing.files.push(Found {
                path: path.to_owned(),
                stamp: Some(Stamp::of(&seen)),
            });
        }
    }

    fn folder(&mut self, folder: &Path, identity: Identity, depth: usize) {
        // A link to a folder above it is a circle.
        if self.folders.contains(&identity) {
            return;
        }
        if depth > MAX_DEPTH || self.folders.len() == MAX_FOLDERS {
            self.listing.is_cut = true;
            return;
        }
        self.folders.insert(identity);
        self.listing.sources.push(folder.to_owned());
        match entries(folder) {
            Ok(mut entries) => {
                self.listing.is_cut |= entries.len() == MAX_ENTRIES;
                entries.sort();
                for (entry, is_link) in &entries {
                    self.any(entry, *is_link, depth + 1);
                }
            }
            Err(error) if is_gone(&error) => {}
            Err(_) => self.listing.unreadable.push(folder.to_owned()),
        }
    }
}

/// With whether each is a link.
fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        Ok((entry.path(), is_link))
    };
    fs::read_dir(folder)?.take(MAX_ENTRIES).map(entry).collect()
}

/// A link to nothing, or to itself, is nothing.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}
