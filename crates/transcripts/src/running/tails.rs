//! The transcripts that are read as they grow, in bounded memory.

use std::collections::HashMap;
use std::path::Path;

use super::tail::TranscriptTail;
use crate::files::Files;
use agentpulse_core::event::SeenEnd;
use agentpulse_core::execution::TokenUsage;
use agentpulse_pipeline::writer::Due;

/// Bytes of one round, and at most one step's more.
const MAX_BYTES: u64 = 16 << 20;
/// What is held of all transcripts together, some 200,000 requests and calls. Of an
/// execution whose transcript finds no room, what it has used is not known before it ends.
const MAX_HELD_BYTES: usize = 32 << 20;

/// By the id of their execution; none for one that found no room. Boxed, so that those take little.
#[derive(Default)]
pub struct Tails(HashMap<String, Option<Box<TranscriptTail>>>);

/// What one round brought.
#[derive(Default)]
pub struct Round {
    /// What executions have spent so far, which may be not to be known.
    pub news: Vec<(String, Option<TokenUsage>)>,
    /// Executions that their users interrupted.
    pub ends: Vec<(String, SeenEnd)>,
    /// The execution after which the rest found no time.
    pub interrupted_at: Option<String>,
}

impl Tails {
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|id, _| keep(id));
    }

    pub fn insert(&mut self, id: String, tail: TranscriptTail) {
        self.0.insert(id, Some(Box::new(tail)));
    }

    pub fn has(&self, due: &Due) -> bool {
        let known = self.0.get(&due.lines.id);
        known.is_some_and(|tail| {
            let tail = tail.as_ref();
            tail.is_none_or(|tail| tail.edition == due.edition)
        })
    }

    /// Reads on in each. Blocks.
    pub fn poll(&mut self, due: &[Due], files: &Files) -> Round {
        let (mut round, mut bytes) = (Round::default(), 0);
        let mut held: usize = self.0.values().flatten().map(|tail| tail.bytes()).sum();
        for Due { lines, edition } in due {
            let Some(place) = self.0.get_mut(&lines.id) else {
                continue;
            };
            let Some(tail) = place.as_mut().filter(|tail| tail.edition == *edition) else {
                continue;
            };
            held -= tail.bytes();
            let poll = tail.poll(Path::new(&lines.transcript), files, MAX_BYTES - bytes);
            held += tail.bytes();
            bytes += poll.bytes;
            let id = lines.id.clone();
            if held > MAX_HELD_BYTES {
                held -= tail.bytes();
                *place = None;
                round.news.push((id, None));
            } else {
                let ended = poll.interrupted.map(|end| (id.clone(), end));
                round.ends.extend(ended);
                round.news.extend(poll.news.map(|spent| (id, spent)));
            }
            if bytes >= MAX_BYTES {
                round.interrupted_at = Some(lines.id.clone());
                break;
            }
        }
        round
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::turn_before::ReadBefore;
    use agentpulse_core::project::ProjectNames;
    use agentpulse_pipeline::writer::RunningLines;

    /// Turns that ended in a failure of the API took 4.8 KB each that nobody counted.
    #[test]
    fn held_messages_are_bounded_in_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let transcript = folder.path().join("agent-a.jsonl");
        let (word, message) = ("e".repeat(250), "y".repeat(4_090));
        let line = format!(
            r#"{{"type":"assistant","timestamp":"2026-11-20T17:00:00Z","isApiErrorMessage":true,"error":"{word}","message":{{"content":"{message}"}}}}"#
        );
        fs::write(&transcript, format!("{line}\n")).unwrap();
        let files = Files {
            catalog: Arc::default(),
            roots: vec![PathBuf::from(folder.path())],
            max_bytes: 1 << 20,
            indexes: Arc::default(),
            project_names: ProjectNames::Name,
            home: None,
        };
        let each = 4_090 + 250;
        let count = MAX_HELD_BYTES / each + 1_000;
        let (mut tails, mut due) = (Tails::default(), Vec::new());
        for n in 0..count {
            let lines = RunningLines {
                id: format!("a{n}"),
                transcript: transcript.display().to_string(),
                started_ms: None,
            };
            let tail = TranscriptTail::new(&lines, 0, ReadBefore::default());
            tails.insert(lines.id.clone(), tail);
            let lines = Arc::new(lines);
            due.push(Due { lines, edition: 0 });
        }
        while tails.poll(&due, &files).interrupted_at.is_some() {}
        let held = tails.0.values().flatten();
        let bytes: usize = held.clone().map(|tail| tail.bytes()).sum();
        let room = MAX_HELD_BYTES * 3 / 4..=MAX_HELD_BYTES;
        assert!(room.contains(&bytes), "{bytes}");
        assert!(held.clone().count() * each < MAX_HELD_BYTES);
        assert!(held.count() > count / 2, "most have room");
    }
}
