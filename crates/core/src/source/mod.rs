//! What the hooks of a coding agent say, translated into events; one file a source.

mod claude_code;

use super::error::Rejection;
use super::event::{Event, Fields};

/// The words of [`translate`].
pub const SOURCES: [&str; 1] = [claude_code::SOURCE];

/// `payload` holds the fields of a projected payload, `observed_ms` the moment at which the hook
/// program saw it.
pub(super) fn translate(
    source: &str,
    payload: &Fields,
    line: u64,
    observed_ms: i64,
) -> Result<Event, Rejection> {
    match source {
        claude_code::SOURCE => claude_code::translate(payload, line, observed_ms),
        _ => Err(payload.refuse("source must be claude-code")),
    }
}
