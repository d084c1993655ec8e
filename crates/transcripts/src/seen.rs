//! By what a file is known again: one that was replaced must not be gone on with.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::open::Opened;

/// The end of what was read.
pub const TAIL_BYTES: u64 = 64;

pub struct Seen {
    device: u64,
    inode: u64,
    /// Up to where it was read, in bytes, and the last of these.
    offset: u64,
    tail: Vec<u8>,
}

impl Seen {
    pub fn new(opened: &Opened, offset: u64) -> io::Result<Seen> {
        let now = opened.file.metadata()?;
        Ok(Seen {
            device: now.dev(),
            inode: now.ino(),
            offset,
            tail: tail(&opened.file, offset)?,
        })
    }

    /// Whether a file is the one that was read, or grown from it.
    pub fn is_in(&self, opened: &Opened) -> io::Result<bool> {
        let now = opened.file.metadata()?;
        Ok((now.dev(), now.ino()) == (self.device, self.inode)
            && opened.len >= self.offset
            && tail(&opened.file, self.offset)? == self.tail)
    }
}

fn tail(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let count = offset.min(TAIL_BYTES);
    let mut tail = vec![0; count as usize];
    file.read_exact_at(&mut tail, offset - count)?;
    Ok(tail)
}
