//! From submissions to commits: as many events in one as are queued, and no more than their bounds
//! allow.

use super::decide::Batch;
use super::{MAX_BATCH_BYTES, Memory, Submission, Unavailable, Verdict, Writer};
use crate::crash_point::crash_point;
use crate::domain::event::Event;
use crate::flow::clock::Now;

/// Events whose executions are fetched from history together.
const LOOKED_UP_AT_ONCE: usize = 64;
/// Executions that history does not have yet; about 2 KB each. A flush takes half a second.
const MAX_UNFLUSHED: usize = 65_536;
/// The same in bytes: of the largest events 65,536 would take 16 GB.
const MAX_UNFLUSHED_BYTES: usize = 128 << 20;

impl Writer {
    pub(super) fn accept(&mut self, memory: &mut Memory, submissions: Vec<Submission>) {
        let mut submissions = submissions.into_iter().peekable();
        while submissions.peek().is_some() {
            if let Err(unavailable) = self.room(memory) {
                self.counters.blocked.set(&unavailable.0);
                for submission in submissions {
                    let lines = submission.events.len() as u64;
                    self.counters.lines_held_off.add(lines);
                    drop(submission.reply.send(Err(unavailable.clone())));
                }
                return;
            }
            self.accept_some(memory, &mut submissions);
        }
    }

    /// Takes as many as fit one commit.
    fn accept_some(
        &mut self,
        memory: &mut Memory,
        submissions: &mut impl Iterator<Item = Submission>,
    ) {
        let now = self.listening.now();
        let mut batch = Batch::default();
        let (mut replies, mut verdicts) = (Vec::new(), Vec::new());
        let mut outcome = Ok(());
        while outcome.is_ok()
            && batch.bytes < MAX_BATCH_BYTES
            && let Some(submission) = submissions.next()
        {
            replies.push(submission.reply);
            outcome = self
                .decide_all(memory, &mut batch, submission.events, now)
                .map(|decided| verdicts.push(decided))
                .inspect_err(|_| self.take_places_back(&mut batch));
        }
        let outcome = outcome.and_then(|()| self.commit(memory, batch, now));
        match outcome {
            Ok(()) => {
                crash_point("commit.published");
                for (reply, verdicts) in replies.into_iter().zip(verdicts) {
                    self.count(&verdicts);
                    // Who has gone away meanwhile will send again, and be told: duplicate.
                    drop(reply.send(Ok(verdicts)));
                }
            }
            Err(unavailable) => {
                self.counters.blocked.set(&unavailable.0);
                for reply in replies {
                    drop(reply.send(Err(unavailable.clone())));
                }
            }
        }
    }

    /// A few at a time: of each of them history may hold half a megabyte.
    fn decide_all(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        events: Vec<Event>,
        now: Now,
    ) -> Result<Vec<Verdict>, Unavailable> {
        let mut verdicts = Vec::with_capacity(events.len());
        let mut events = events.into_iter();
        while events.len() > 0 {
            let some: Vec<Event> = events.by_ref().take(LOOKED_UP_AT_ONCE).collect();
            self.look_up(memory, &some, batch)?;
            for event in some {
                verdicts.push(self.decide(memory, batch, event, now)?);
            }
        }
        Ok(verdicts)
    }

    /// What history does not have is held in memory, so that a history that stands still ends the
    /// intake before it ends the memory.
    pub(super) fn room(&self, memory: &Memory) -> Result<(), Unavailable> {
        let has_room =
            memory.unflushed() < MAX_UNFLUSHED && memory.unflushed_bytes() < MAX_UNFLUSHED_BYTES;
        if has_room {
            return Ok(());
        }
        Err(Unavailable("history is too far behind".to_owned()))
    }
}
