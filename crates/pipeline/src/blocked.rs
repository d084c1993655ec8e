//! Why the writer takes no event now, if it does not: what `/ready` and the health report say.

use parking_lot::Mutex;

/// Set by a submission that was refused as a whole, until a commit or an attempt at one succeeds.
#[derive(Debug, Default)]
pub struct Blocked(Mutex<Option<String>>);

impl Blocked {
    pub fn set(&self, reason: impl Into<String>) {
        *self.0.lock() = Some(reason.into());
    }

    pub fn clear(&self) {
        *self.0.lock() = None;
    }

    pub fn reason(&self) -> Option<String> {
        self.0.lock().clone()
    }
}
