//! The moment of receipt, by which the times of an event are judged.

use jiff::tz::TimeZone;

use agentpulse_core::bucket::Day;
use agentpulse_core::limits::MAX_AHEAD_MS;
use agentpulse_core::retention::oldest_accepted;

/// What the moment of receipt decides.
#[derive(Clone, Debug)]
pub struct Clock {
    pub now_ms: i64,
    /// How long an id is remembered; what ended before that is refused.
    pub keep_ms: i64,
    /// Of times without an offset.
    pub zone: TimeZone,
}

impl Clock {
    /// The first day, of UTC, that is still remembered.
    pub fn oldest_day(&self) -> Day {
        oldest_accepted(self.now_ms, self.keep_ms)
    }

    /// Whether a time is further ahead than clocks differ.
    pub fn is_ahead(&self, time_ms: i64) -> bool {
        time_ms > self.now_ms + MAX_AHEAD_MS
    }
}
