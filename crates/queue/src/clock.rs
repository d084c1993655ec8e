//! The clocks of the queue. The daemon's are the machine's; a test gives its own.

use std::time::Instant;

use agentpulse_pipeline::clock;

pub trait Clock: Send {
    /// Does not jump, and stands while the machine sleeps.
    fn now(&self) -> Instant;
    /// Since 1970.
    fn now_ms(&self) -> i64;
}

pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn now_ms(&self) -> i64 {
        clock::now_ms()
    }
}
