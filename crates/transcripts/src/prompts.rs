//! Where the turns of main threads begin in their files. A file of a session may have hundreds of
//! megabytes and as many turns, so that each is read for this once, as it grows.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use parking_lot::Mutex;

use super::followed::{Followed, Index};
use super::open::Opened;
use agentpulse_sources::claude_code::transcript::PromptKey;

/// Files of sessions that are known.
const MAX_FILES: usize = 256;
/// Turns of one file, 24 bytes each; of older ones the file is read from its beginning.
const MAX_PROMPTS: usize = 4_096;

pub struct Prompts(Mutex<Followed<Begins>>);

#[derive(Default)]
struct Begins {
    /// The first line of each turn, in the order of the file.
    begins: VecDeque<(PromptKey, u64)>,
    /// Some of the oldest are not among them.
    is_partial: bool,
}

impl Default for Prompts {
    fn default() -> Prompts {
        Prompts(Mutex::new(Followed::new(
            MAX_FILES,
            MAX_FILES * MAX_PROMPTS,
        )))
    }
}

impl Prompts {
    /// The offset in bytes from which the turn of a prompt is found: that of its first line, if it
    /// is there. Blocks.
    pub fn offset(&self, path: &Path, opened: &Opened, prompt_id: &str) -> io::Result<u64> {
        let mut known = self.0.lock();
        let (file, scanned) = known.index(path, opened)?;
        let key = PromptKey::new(prompt_id);
        let begin = file.begins.iter().find(|(begun, _)| *begun == key);
        Ok(match begin {
            Some(&(_, offset)) => offset,
            // Older than what is known, or of a client that does not number its prompts.
            None if file.is_partial || file.begins.is_empty() => 0,
            None => scanned,
        })
    }
}

impl Index for Begins {
    fn line(&mut self, bytes: &[u8], begin: u64) {
        let Some(key) = PromptKey::of_line(bytes) else {
            return;
        };
        if self.begins.back().is_some_and(|(last, _)| *last == key) {
            return;
        }
        if self.begins.len() == MAX_PROMPTS {
            self.begins.pop_front();
            self.is_partial = true;
        }
        self.begins.push_back((key, begin));
    }

    fn entries(&self) -> usize {
        self.begins.len()
    }
}
