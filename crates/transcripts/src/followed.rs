//! What is known of files that grow: of each the lines that came since are read, not the whole
//! file.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::lines::Lines;
use super::open::Opened;
use super::seen::Seen;

/// What the lines of one file amount to.
pub trait Index: Default {
    /// Takes the next line, which begins at this offset in bytes.
    fn line(&mut self, bytes: &[u8], begin: u64);
    /// How much it holds.
    fn entries(&self) -> usize;
}

/// Of files beyond a number, and of entries beyond another, those of the file that was asked for
/// longest ago are forgotten: it is read again.
pub struct Followed<I> {
    files: HashMap<PathBuf, File<I>>,
    asked: u64,
    max_files: usize,
    max_entries: usize,
}

#[derive(Default)]
struct File<I> {
    index: I,
    seen: Option<Seen>,
    scanned: u64,
    asked: u64,
}

impl<I: Index> Followed<I> {
    pub fn new(max_files: usize, max_entries: usize) -> Followed<I> {
        Followed {
            files: HashMap::new(),
            asked: 0,
            max_files,
            max_entries,
        }
    }

    /// What all whole lines of a file amount to, and the offset in bytes behind them. Blocks.
    pub fn index(&mut self, path: &Path, opened: &Opened) -> io::Result<(&I, u64)> {
        self.make_room(path);
        self.asked += 1;
        let file = self.files.entry(path.to_owned()).or_default();
        file.asked = self.asked;
        file.follow(opened)?;
        Ok((&file.index, file.scanned))
    }

    fn make_room(&mut self, path: &Path) {
        let mut entries: usize = self.files.values().map(|file| file.index.entries()).sum();
        loop {
            let is_known = self.files.contains_key(path);
            let has_room = is_known || self.files.len() < self.max_files;
            if has_room && entries <= self.max_entries {
                return;
            }
            let others = self.files.iter().filter(|(other, _)| *other != path);
            let oldest = others.min_by_key(|(_, file)| file.asked);
            let Some(oldest) = oldest.map(|(path, _)| path.clone()) else {
                return;
            };
            let gone = self.files.remove(&oldest);
            entries -= gone.map_or(0, |file| file.index.entries());
        }
    }
}

impl<I: Index> File<I> {
    fn follow(&mut self, opened: &Opened) -> io::Result<()> {
        let is_same = match &self.seen {
            Some(seen) => seen.is_in(opened)?,
            None => true,
        };
        if !is_same {
            *self = File {
                asked: self.asked,
                ..File::default()
            };
        }
        if self.seen.is_some() && opened.len == self.scanned {
            return Ok(());
        }
        let file = opened.file.try_clone()?;
        let len = opened.len;
        let mut lines = Lines::new(Opened { file, len }, self.scanned)?;
        while let Some(line) = lines.next()? {
            if !line.is_ended {
                break;
            }
            self.index.line(line.bytes, self.scanned);
            self.scanned = line.end;
        }
        self.seen = Some(Seen::new(opened, self.scanned)?);
        Ok(())
    }
}
