//! Which transcript of a session has a message first. An agent that is asked a side question writes
//! once more what another one asked, under its own name and at its own time; it was paid for once.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;

use super::files::Files;
use super::followed::{Followed, Index};
use super::layout::{SUBAGENTS, agents_below};
use super::open::folder;
use agentpulse_sources::claude_code::transcript::{MessageKey, Messages};

/// Transcripts that are known, and messages of all of them, 33 bytes each.
const MAX_FILES: usize = 4_096;
const MAX_MESSAGES: usize = 250_000;

/// For the look of another reader.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Originals(Mutex<Followed<Messages>>);

impl Default for Originals {
    fn default() -> Originals {
        Originals(Mutex::new(Followed::new(MAX_FILES, MAX_MESSAGES)))
    }
}

impl Originals {
    /// Which of these messages of an agent's transcript another one of its session has before it:
    /// by the time, and of two at one time by the names of the files. One that cannot be read has
    /// none; where others are looked through for too long, on a disk that does not answer, the rest
    /// counts. Blocks.
    pub fn elsewhere(
        &self,
        files: &Files,
        path: &Path,
        messages: &[(MessageKey, i64)],
    ) -> HashSet<MessageKey> {
        let mut found = HashSet::new();
        if messages.is_empty() {
            return found;
        }
        for other in others(&files.roots, path) {
            let Ok(opened) = files.open(&other) else {
                continue;
            };
            let Some(mut known) = self.0.try_lock_for(PATIENCE) else {
                break;
            };
            let Ok((theirs, _)) = known.index(&other, &opened) else {
                continue;
            };
            let is_first = |(message, time_ms): &&(MessageKey, i64)| {
                let first_ms = theirs.first_ms(*message);
                first_ms.is_some_and(|first_ms| {
                    (first_ms, other.file_name()) < (*time_ms, path.file_name())
                })
            };
            found.extend(
                messages
                    .iter()
                    .filter(is_first)
                    .map(|(message, _)| *message),
            );
        }
        found
    }
}

impl Index for Messages {
    fn line(&mut self, bytes: &[u8], _begin: u64) {
        Messages::line(self, bytes);
    }

    fn entries(&self) -> usize {
        self.count()
    }
}

/// The transcripts of the main thread and of all agents of the session, but for one.
fn others(roots: &[PathBuf], path: &Path) -> Vec<PathBuf> {
    let is_subagents = |folder: &&Path| folder.file_name().is_some_and(|name| name == SUBAGENTS);
    let Some(subagents) = path.ancestors().find(is_subagents) else {
        return Vec::new();
    };
    let below = folder(roots, subagents).map(|folder| agents_below(&folder));
    let agents = below.into_iter().flatten().map(|(_, path)| path);
    let main = subagents
        .parent()
        .map(|session| session.with_extension("jsonl"));
    let all = agents.chain(main);
    all.filter(|other| other.file_name() != path.file_name())
        .collect()
}
