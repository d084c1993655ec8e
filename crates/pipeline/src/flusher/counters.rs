//! The daemon's counters, written down beside history.

use tracing::warn;

use super::flush::Flusher;
use crate::clock::now_ms;

impl Flusher {
    /// Writes the counters down, if there is news of them.
    pub(super) fn persist_counters(&mut self) {
        self.counters.last.flushed.set(now_ms());
        let counts = self.persisted.count(&self.counters);
        if self.persisted.shown() == counts {
            return;
        }
        let outcome = self.history.put_counters(&counts);
        self.persisted.show(counts);
        if let Err(error) = outcome {
            self.counters.flush_failures.add(1);
            warn!(%error, "the counters could not be written down");
        }
    }
}
