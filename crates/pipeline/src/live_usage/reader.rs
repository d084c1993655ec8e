//! Goes round the transcripts of what runs, a bounded part of them at a time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::tail::TranscriptTail;
use super::{Due, Lines, LiveUsage};
use crate::settings::SettingsWatch;
use crate::usage::{Files, turn_before};
use crate::writer::{Message, WriterHandle};
use agentpulse_core::execution::TokenUsage;

/// Between two rounds.
const PACE: Duration = Duration::from_secs(1);
/// Files of one round; a look at one that has not grown takes some 50 µs.
const MAX_POLLS: usize = 256;
/// Bytes of one round, and at most one step's more.
const MAX_BYTES: u64 = 16 << 20;
/// What is held of all transcripts together, some 200,000 requests and calls. Whose transcript
/// finds no room is not told what it has spent before it ends.
const MAX_HELD_BYTES: usize = 32 << 20;

pub struct LiveUsageReader {
    pub writer: WriterHandle,
    pub live_usage: Arc<LiveUsage>,
    pub settings: SettingsWatch,
}

/// By the id of their execution; none for one that found no room. Boxed, so that those take little.
#[derive(Default)]
struct Tails(HashMap<String, Option<Box<TranscriptTail>>>);

type News = Vec<(String, Option<TokenUsage>)>;

impl LiveUsageReader {
    /// Runs until `stop`. A disk that does not answer holds up nobody.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut last = String::new();
        let mut tails = Tails::default();
        loop {
            tokio::select! {
                _ = stop.changed() => return,
                () = sleep(PACE) => {}
            }
            tokio::select! {
                _ = stop.changed() => return,
                () = self.round(&mut last, &mut tails) => {}
            }
        }
    }

    async fn round(&self, last: &mut String, tails: &mut Tails) {
        tails.0.retain(|id, _| self.live_usage.is_watched(id));
        let due = self.live_usage.next(last, MAX_POLLS);
        let Some(end) = due.last().map(|one| one.lines.id.clone()) else {
            return;
        };
        for one in &due {
            if !tails.has(one)
                && let Some(from) = self.beginning(&one.lines).await
            {
                let tail = TranscriptTail::new(one.lines.started_ms, one.edition, from);
                tails.0.insert(one.lines.id.clone(), Some(Box::new(tail)));
            }
        }
        let files = Files::of(&self.settings.borrow());
        let mut taken = std::mem::take(tails);
        let polled = spawn_blocking(move || {
            let (news, broken_off) = taken.poll(&due, &files);
            (taken, news, broken_off)
        });
        // A poll that panicked has lost its tails: all are read again from their beginning.
        let Ok((taken, news, broken_off)) = polled.await else {
            return;
        };
        *tails = taken;
        *last = broken_off.unwrap_or(end);
        if !news.is_empty() {
            // Without the writer there is nobody to tell.
            let _ = self.writer.send(Message::LiveUsage(news)).await;
        }
    }

    /// The offset in the file at which the turn begins, or after which it is to be found; nothing
    /// while the turn before it has not been read.
    async fn beginning(&self, lines: &Lines) -> Option<u64> {
        let before = turn_before(&self.writer, &lines.id, Some(&lines.transcript));
        match before.await.ok()? {
            Some(before) if before.is_unread() || before.is_running() => None,
            Some(before) => Some(before.usage().map_or(0, |usage| usage.end_offset)),
            None => Some(0),
        }
    }
}

impl Tails {
    fn has(&self, due: &Due) -> bool {
        let known = self.0.get(&due.lines.id);
        known.is_some_and(|tail| {
            let tail = tail.as_ref();
            tail.is_none_or(|tail| tail.edition == due.edition)
        })
    }

    /// Looks at each in turn, and says what is new and where it broke off, if it did. Blocks.
    fn poll(&mut self, due: &[Due], files: &Files) -> (News, Option<String>) {
        let (mut news, mut bytes) = (News::new(), 0);
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
                news.push((id, None));
            } else if let Some(spent) = poll.news {
                news.push((id, spent));
            }
            if bytes >= MAX_BYTES {
                return (news, Some(lines.id.clone()));
            }
        }
        (news, None)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// Turns that ended in a failure of the API took 4.8 KB each that nobody counted.
    #[test]
    fn what_is_held_is_bounded_in_bytes() {
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
        };
        let each = 4_090 + 250;
        let count = MAX_HELD_BYTES / each + 1_000;
        let (mut tails, mut due) = (Tails::default(), Vec::new());
        for n in 0..count {
            let lines = Lines {
                id: format!("a{n}"),
                transcript: transcript.display().to_string(),
                started_ms: None,
            };
            let tail = TranscriptTail::new(None, 0, 0);
            tails.0.insert(lines.id.clone(), Some(Box::new(tail)));
            let lines = Arc::new(lines);
            due.push(Due { lines, edition: 0 });
        }
        while tails.poll(&due, &files).1.is_some() {}
        let held = tails.0.values().flatten();
        let bytes: usize = held.clone().map(|tail| tail.bytes()).sum();
        let room = MAX_HELD_BYTES * 3 / 4..=MAX_HELD_BYTES;
        assert!(room.contains(&bytes), "{bytes}");
        assert!(held.clone().count() * each < MAX_HELD_BYTES);
        assert!(held.count() > count / 2, "most have room");
    }
}
