//! While no event is taken: why, and whether one would be taken again.

use std::time::{Duration, Instant};

use super::handle::Unavailable;
use super::memory::Memory;
use super::state::Writer;
use agentpulse_store::sqlite;

/// Between two attempts to write: each costs a write to the disk.
const TRY_EVERY: Duration = Duration::from_secs(1);

impl Writer {
    /// Events may stay away from a daemon that says that it takes none, so it finds out by itself
    /// when it would take them again. Returns whether the journal can be written, as far as is
    /// known: where another process holds its lock, each attempt takes as long as a commit may, and
    /// events wait for their answer meanwhile.
    pub(super) fn try_again(&mut self, memory: &Memory) -> bool {
        if self.counters.blocked.reason().is_none() {
            return true;
        }
        if Instant::now() >= self.try_at {
            self.is_writable = self.journal.try_write().is_ok();
            let readable = self.room(memory).is_ok() && self.history.find(&[""]).is_ok();
            if self.is_writable && readable {
                self.counters.blocked.clear();
            }
            // The attempt may have taken longer than the pause between two.
            self.try_at = Instant::now() + TRY_EVERY;
        }
        self.is_writable
    }
}

/// The cause is in the log.
pub(super) fn unwritten(error: &sqlite::Error) -> Unavailable {
    let reason = match error.is_full() {
        true => "the journal cannot be written: its disk is full",
        false => "the journal cannot be written",
    };
    Unavailable(reason.to_owned())
}
