//! The task that goes round the transcripts of what runs, a bounded part of them at a time.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::missing::Missing;
use super::tail::TranscriptTail;
use super::tails::Tails;
use crate::files::Files;
use crate::indexes::Indexes;
use crate::turn_before::{ReadBefore, turn_before};
use agentpulse_core::event::{Event, SeenEnd};
use agentpulse_core::turns::prompt_of;
use agentpulse_pipeline::clock::next_second;
use agentpulse_pipeline::running::Running;
use agentpulse_pipeline::settings::SettingsWatch;
use agentpulse_pipeline::writer::{LiveUsage, RunningLines, TaskLists, WriterHandle};

/// Files of one round; a look at one that has not grown takes some 50 µs.
const MAX_POLLS: usize = 256;
/// Agents that are missing from a list and are checked together.
const MAX_MISSING: usize = 64;

pub struct RunningReader {
    pub writer: WriterHandle,
    pub running: Arc<Running>,
    pub live_usage: Arc<LiveUsage>,
    pub task_lists: Arc<TaskLists>,
    pub settings: SettingsWatch,
    pub indexes: Arc<Indexes>,
}

impl RunningReader {
    /// Runs until `stop`. A disk that does not answer holds up nobody.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut last = String::new();
        let mut tails = Tails::default();
        loop {
            tokio::select! {
                _ = stop.changed() => return,
                () = next_second() => {}
            }
            tokio::select! {
                _ = stop.changed() => return,
                () = self.round(&mut last, &mut tails) => {}
            }
            tokio::select! {
                _ = stop.changed() => return,
                () = self.end_missing() => {}
            }
        }
    }

    async fn round(&self, last: &mut String, tails: &mut Tails) {
        tails.retain(|id| self.live_usage.is_watched(id));
        let due = self.live_usage.next(last, MAX_POLLS);
        let Some(end) = due.last().map(|one| one.lines.id.clone()) else {
            return;
        };
        for one in &due {
            if !tails.has(one)
                && let Some(before) = self.beginning(&one.lines).await
            {
                let tail = TranscriptTail::new(&one.lines, one.edition, before);
                tails.insert(one.lines.id.clone(), tail);
            }
        }
        let files = Files::of(&self.settings.borrow(), &self.indexes);
        let mut taken = std::mem::take(tails);
        let polled = spawn_blocking(move || {
            let round = taken.poll(&due, &files);
            (taken, round)
        });
        // A poll that panicked has lost its tails: all are read again from their beginning.
        let Ok((taken, round)) = polled.await else {
            return;
        };
        *tails = taken;
        *last = round.interrupted_at.unwrap_or(end);
        // Without the writer nobody shows it, and nothing ends.
        if !round.news.is_empty() {
            let _ = self.writer.live_usage(round.news).await;
        }
        self.end(round.ends).await;
    }

    async fn end(&self, ends: Vec<(String, SeenEnd)>) {
        if !ends.is_empty() {
            let ends = ends.into_iter();
            let ends = ends.map(|(id, end)| Event::EndSeen { id, end }).collect();
            let _ = self.writer.submit(ends).await;
        }
    }

    /// Ends what clients no longer list, unless it goes on. What cannot be ended now is missing
    /// from the next list as well.
    async fn end_missing(&self) {
        while let Some(list) = self.task_lists.take_due(Instant::now().into_std()) {
            let ids = self.running.missing(&list);
            for ids in ids.chunks(MAX_MISSING) {
                let mut missing = Vec::new();
                for id in ids {
                    let Ok(Some(execution)) = self.writer.get(id).await else {
                        continue;
                    };
                    let before = match RunningLines::of(&execution) {
                        Some(lines) => self.beginning(&lines).await,
                        None => None,
                    };
                    let listed_ms = list.at_ms;
                    missing.push(Missing {
                        execution,
                        before,
                        listed_ms,
                    });
                }
                let files = Files::of(&self.settings.borrow(), &self.indexes);
                let ends = spawn_blocking(move || {
                    let ends = missing.iter();
                    let ends = ends.map(|one| (one.execution.id.clone(), one.end(&files)));
                    ends.filter_map(|(id, end)| Some((id, end?))).collect()
                });
                self.end(ends.await.unwrap_or_default()).await;
            }
        }
    }

    /// The offset in the file at which the turn begins, or after which it is to be found. Returns
    /// `None` while the turn before it has not been read.
    async fn beginning(&self, lines: &RunningLines) -> Option<ReadBefore> {
        if prompt_of(&lines.id).is_some() {
            return Some(ReadBefore::default());
        }
        let before = turn_before(&self.writer, &lines.id, Some(&lines.transcript));
        match before.await.ok()? {
            Some(before) if before.is_unread() || before.is_running() => None,
            Some(before) => Some(ReadBefore::of(&before)),
            None => Some(ReadBefore::default()),
        }
    }
}
