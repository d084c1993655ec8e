//! Why the writer takes no event now, if it does not: what `/ready` and the health report say.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Set by a submission that was refused as a whole, until a commit or an attempt at one succeeds.
#[derive(Debug, Default)]
pub struct Blocked(Mutex<Option<String>>);

impl Blocked {
    pub fn set(&self, reason: impl Into<String>) {
        *self.lock() = Some(reason.into());
    }

    pub fn clear(&self) {
        *self.lock() = None;
    }

    pub fn reason(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
