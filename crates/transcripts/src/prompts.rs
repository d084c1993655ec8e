//! Where the turns of main threads begin in their files. A file of a session may have hundreds of
//! megabytes and as many turns, so that each is read for this once, as it grows.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::lines::Lines;
use super::open::Opened;
use super::seen::Seen;
use agentpulse_sources::claude_code::transcript::PromptKey;

/// Files of sessions that are known; of those beyond, the one that was asked for longest ago is
/// read again.
const MAX_FILES: usize = 256;
/// Turns of one file, 24 bytes each; of older ones the file is read from its beginning.
const MAX_PROMPTS: usize = 4_096;

#[derive(Default)]
pub struct Prompts(Mutex<Known>);

#[derive(Default)]
struct Known {
    files: HashMap<PathBuf, KnownFile>,
    asked: u64,
}

#[derive(Default)]
struct KnownFile {
    seen: Option<Seen>,
    scanned: u64,
    /// The first line of each turn, in the order of the file.
    begins: VecDeque<(PromptKey, u64)>,
    /// Some of the oldest are not among them.
    is_partial: bool,
    asked: u64,
}

impl Prompts {
    /// The offset in bytes from which the turn of a prompt is found: that of its first line, if it
    /// is there. Blocks.
    pub fn offset(&self, path: &Path, opened: &Opened, prompt_id: &str) -> io::Result<u64> {
        let mut known = self.0.lock();
        known.asked += 1;
        let asked = known.asked;
        known.make_room(path);
        let file = known.files.entry(path.to_owned()).or_default();
        file.asked = asked;
        file.follow(opened)?;
        let key = PromptKey::new(prompt_id);
        let begin = file.begins.iter().find(|(begun, _)| *begun == key);
        Ok(match begin {
            Some(&(_, offset)) => offset,
            // Older than what is known, or of a client that does not number its prompts.
            None if file.is_partial || file.begins.is_empty() => 0,
            None => file.scanned,
        })
    }
}

impl Known {
    fn make_room(&mut self, path: &Path) {
        if self.files.len() < MAX_FILES || self.files.contains_key(path) {
            return;
        }
        let oldest = self.files.iter().min_by_key(|(_, file)| file.asked);
        if let Some(oldest) = oldest.map(|(path, _)| path.clone()) {
            self.files.remove(&oldest);
        }
    }
}

impl KnownFile {
    /// Reads the lines that came since the last time.
    fn follow(&mut self, opened: &Opened) -> io::Result<()> {
        let is_same = match &self.seen {
            Some(seen) => seen.is_in(opened)?,
            None => true,
        };
        if !is_same {
            *self = KnownFile {
                asked: self.asked,
                ..KnownFile::default()
            };
        }
        let file = opened.file.try_clone()?;
        let len = opened.len;
        let mut lines = Lines::new(Opened { file, len }, self.scanned)?;
        while let Some(line) = lines.next()? {
            if !line.is_ended {
                break;
            }
            if let Some(key) = PromptKey::of_line(line.bytes) {
                self.begin(key, self.scanned);
            }
            self.scanned = line.end;
        }
        self.seen = Some(Seen::new(opened, self.scanned)?);
        Ok(())
    }

    fn begin(&mut self, key: PromptKey, offset: u64) {
        if self.begins.back().is_some_and(|(last, _)| *last == key) {
            return;
        }
        if self.begins.len() == MAX_PROMPTS {
            self.begins.pop_front();
            self.is_partial = true;
        }
        self.begins.push_back((key, offset));
    }
}
