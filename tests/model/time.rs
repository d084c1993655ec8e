//! The buckets of a time, and how it is written.

use serde_json::Value;

pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// `2026-11-20`, UTC.
pub fn day(at_ms: i64) -> String {
    stamp(at_ms).strftime("%Y-%m-%d").to_string()
}

/// `2026-11-20-09`, UTC.
pub fn hour(at_ms: i64) -> String {
    stamp(at_ms).strftime("%Y-%m-%d-%H").to_string()
}

pub fn rfc3339(at_ms: i64) -> String {
    stamp(at_ms).to_string()
}

/// What [`rfc3339`] writes, or another text of the same moment; `None` for any other value.
pub fn moment_ms(time: &Value) -> Option<i64> {
    let time: jiff::Timestamp = time.as_str()?.parse().ok()?;
    Some(time.as_millisecond())
}

fn stamp(at_ms: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at_ms).expect("a time between year 1 and 9999")
}
