//! The bounds of the queue. What comes from outside is refused beyond these.

use std::ops::RangeInclusive;

/// Of a context or a result, as JSON.
pub const MAX_JSON_BYTES: usize = 256 << 10;
/// Of what is added to a message, as JSON.
pub const MAX_METADATA_BYTES: usize = 16 << 10;
/// Of a message.
pub const MAX_CONTENT_BYTES: usize = 64 << 10;
/// Of a line of a log.
pub const MAX_LOG_BYTES: usize = 8 << 10;
/// Lines that are logged at once.
pub const MAX_LOG_LINES: usize = 100;
/// Lines of one task.
pub const MAX_LOGS: usize = 10_000;

pub const PRIORITIES: RangeInclusive<u8> = 1..=10;
pub const DEFAULT_PRIORITY: u8 = 5;
pub const RETRIES: RangeInclusive<u32> = 0..=10;
/// So there are four attempts.
pub const DEFAULT_RETRIES: u32 = 3;
pub const LEASE_S: RangeInclusive<u64> = 10..=3_600;
pub const DEFAULT_LEASE_S: u64 = 300;
/// Of a whole attempt.
pub const TIMEOUT_S: RangeInclusive<u64> = 60..=7 * 86_400;
/// A lease has at least this much after a start of the daemon.
pub const MIN_LEASE_LEFT_MS: i64 = 60_000;

/// Tasks that are not ended.
pub const MAX_OPEN: usize = 100_000;
/// From the root of a chain to its last child.
pub const MAX_DEPTH: u32 = 32;
pub const MAX_CHILDREN: usize = 256;
/// Tasks that one task waits for.
pub const MAX_NEEDS: usize = 64;
/// Creations a minute by one agent.
pub const MAX_CREATED_A_MINUTE: usize = 60;
/// A time that a task is not taken before lies no further ahead.
pub const MAX_AHEAD_MS: i64 = 366 * 86_400_000;
