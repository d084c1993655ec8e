//! From submissions to commits: as many events in one as are queued, and no more than their bounds
//! allow.

use std::time::{Duration, Instant};

use super::commit::Commit;
use super::handle::{IngestOutcome, Submission, Unavailable};
use super::memory::Memory;
use super::state::Writer;
use crate::changes::View;
use agentpulse_failpoint::failpoint;

/// Changes that history does not have yet, of about 2 KB each. A flush takes half a second. One
/// execution may change again and again.
const MAX_UNFLUSHED: usize = 32_768;
/// The same in bytes: of the largest events 32,768 would take 8 GB.
const MAX_UNFLUSHED_BYTES: usize = 64 << 20;
/// Senders that are faster than the disk are slowed down before they are refused. A flush takes a
/// part of this.
const MAX_WAIT: Duration = Duration::from_secs(1);

impl Writer {
    pub(super) fn accept(&mut self, memory: &mut Memory, submissions: Vec<Submission>) {
        let mut submissions = submissions.into_iter().peekable();
        while submissions.peek().is_some() {
            if let Err(unavailable) = self.wait_for_room(memory) {
                self.counters.blocked.set(&unavailable.0);
                for submission in submissions {
                    let lines = submission.events.len() as u64;
                    self.counters.lines_deferred.add(lines);
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
        let mut commit = Commit::new(self, memory, now);
        let (mut replies, mut outcomes) = (Vec::new(), Vec::new());
        let mut outcome = Ok(());
        while outcome.is_ok()
            && !commit.batch.is_full()
            && let Some(submission) = submissions.next()
        {
            replies.push(submission.reply);
            let decided = commit.dispatch_all(submission.events);
            outcome = decided.map(|decided| outcomes.push(decided));
        }
        let mut batch = commit.batch;
        let outcome = outcome
            .inspect_err(|_| self.untrack(&mut batch))
            .and_then(|()| self.commit(memory, batch, now));
        match outcome {
            Ok(()) => {
                failpoint("commit.published");
                for (reply, outcomes) in replies.into_iter().zip(outcomes) {
                    self.count(&outcomes);
                    // A client that has gone away meanwhile sends again, and gets: duplicate.
                    drop(reply.send(Ok(outcomes)));
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

    /// Waits for history while it goes on. Once events were refused, the next ones are refused at
    /// once, until there is room.
    fn wait_for_room(&self, memory: &mut Memory) -> Result<(), Unavailable> {
        let deadline = Instant::now() + MAX_WAIT;
        loop {
            let room = self.room(memory);
            let is_refusing = self.counters.blocked.reason().is_some();
            let flushed_seq = memory.flushed_seq;
            if room.is_ok() || is_refusing || !self.changes.wait_for_history(flushed_seq, deadline)
            {
                return room;
            }
            memory.flushed(self.changes.position(View::History));
        }
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

    fn count(&self, outcomes: &[IngestOutcome]) {
        for outcome in outcomes {
            match outcome {
                IngestOutcome::Accepted => self.counters.events_accepted.add(1),
                IngestOutcome::Duplicate => self.counters.events_duplicate.add(1),
                IngestOutcome::Progress => self.counters.events_progress.add(1),
                IngestOutcome::Rejected(_) => self.counters.events_rejected.add(1),
            }
        }
    }
}
