//! Changes that clients were not shown, and how they are made good: while more come than frames
//! hold, by a short list once a second, and afterwards by a longer one.

use std::time::Duration;

use tokio::time::Instant;

/// So long after the last change that was skipped a longer list is worth its bytes.
const CALM_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Gap {
    pub reason: &'static str,
    skipped_at: Instant,
}

impl Gap {
    pub fn new(reason: &'static str, now: Instant) -> Gap {
        Gap {
            reason,
            skipped_at: now,
        }
    }

    /// Again more came than a frame holds.
    pub fn grow(&mut self, now: Instant) {
        self.skipped_at = now;
    }

    pub fn is_calm(&self, now: Instant) -> bool {
        now >= self.skipped_at + CALM_AFTER
    }
}
