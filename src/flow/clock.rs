//! The wall clock, read in one place. What is measured is measured with `Instant`.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970; before it the clock is not set, and every time is as good as 0.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}
