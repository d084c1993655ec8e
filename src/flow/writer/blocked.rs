//! While no event is taken: why, and whether one would be taken again.

use std::time::{Duration, Instant};

use super::{Memory, Unavailable, Writer};
use crate::sqlite;

/// Between two attempts to write: each costs a write to the disk.
const TRY_EVERY: Duration = Duration::from_secs(1);

impl Writer {
    /// Events may stay away from a daemon that says that it takes none, so it finds out by itself
    /// when it would take them again.
    pub(super) fn try_again(&mut self, memory: &Memory) {
        if self.counters.blocked.reason().is_none() || Instant::now() < self.try_at {
            return;
        }
        self.try_at = Instant::now() + TRY_EVERY;
        let readable = self.room(memory).is_ok() && self.history.find(&[""]).is_ok();
        if readable && self.journal.try_write().is_ok() {
            self.counters.blocked.clear();
        }
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
