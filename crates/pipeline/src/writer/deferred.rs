//! Turns that are restated later: what hooks report of one agent may be about thousands of turns of
//! others, and one commit holds no more than fits its bytes.

use tracing::error;

use super::commit::Commit;
use super::handle::Unavailable;
use super::memory::Memory;
use super::state::Writer;
use agentpulse_store::journal::{ALL_TURNS, Deferred};

/// Agents of one commit.
const RESUMED_AT_ONCE: usize = 256;

impl Writer {
    /// Restates what was deferred, as much as fits one commit. What fails stays for the next time.
    pub(super) fn resume(&mut self, memory: &mut Memory) {
        let is_blocked = self.counters.blocked.reason().is_some();
        if !self.has_deferred || is_blocked || self.room(memory).is_err() {
            return;
        }
        let deferred = match self.journal.deferred(RESUMED_AT_ONCE) {
            Ok(deferred) => deferred,
            Err(error) => {
                error!(%error, "the journal cannot be read");
                return self.report_damage(&error);
            }
        };
        self.has_deferred = !deferred.is_empty();
        let now = self.listening.now();
        let mut commit = Commit::new(self, memory, now);
        let decided = commit.resume(deferred);
        let mut batch = commit.batch;
        match decided {
            // The cause of an error is in the log.
            Ok(()) => drop(self.commit(memory, batch, now)),
            Err(_) => self.untrack(&mut batch),
        }
    }
}

impl Commit<'_> {
    pub(super) fn defer(&mut self, agent_id: &str, up_to: usize, descends: bool) {
        let deferred = Deferred { up_to, descends };
        self.batch.bytes += agent_id.len() + size_of::<Deferred>();
        self.batch.deferred.push((agent_id.to_owned(), deferred));
    }

    fn resume(&mut self, deferred: Vec<(String, Deferred)>) -> Result<(), Unavailable> {
        for (agent_id, Deferred { up_to, descends }) in deferred {
            if self.batch.is_full() {
                break;
            }
            let turns = self.turns(&agent_id)?;
            let derived = self.derive(&turns)?;
            let last = if up_to == ALL_TURNS {
                derived.len()
            } else {
                up_to
            };
            let (moved, left) = self.moved(&agent_id, &turns, &derived, (1..=last).rev())?;
            if descends && !moved.is_empty() {
                for child in turns.children() {
                    self.defer(child, ALL_TURNS, true);
                }
            }
            for (before, after) in moved {
                // A turn for which there is no room is rejected, as at first.
                if self.make_room(before.as_deref(), &after).is_ok() {
                    self.stage(before, after);
                }
            }
            if let Some(left) = left {
                self.defer(&agent_id, left, descends);
            }
            self.batch.resumed.push(agent_id);
        }
        Ok(())
    }
}
