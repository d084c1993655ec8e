//! What one execution may bring at most. What comes from outside is refused beyond these, and what
//! legal parts come to is cut to them.

/// Ids and names, in bytes: beyond this they are texts.
pub const MAX_NAME_BYTES: usize = 256;
/// Lists and the fields of an object.
pub const MAX_ITEMS: usize = 256;
/// Free text is cut here, in bytes.
pub const MAX_TEXT_BYTES: usize = 4096;
/// Tokens of each kind and calls of each tool of one execution, 10^12. Where legal parts come to
/// more, they are cut to it.
pub const MAX_COUNT: u64 = 1_000_000_000_000;
/// Dollars of one execution.
pub const MAX_COST: f64 = 1e6;
/// The same, in millionths of a dollar.
pub const MAX_COST_MICROS: i64 = 1_000_000_000_000;
/// Levels of objects and lists in one event.
pub const MAX_NESTING: usize = 32;
/// A clock may be this far ahead of ours before its time is replaced by ours.
pub const MAX_AHEAD_MS: i64 = 5 * 60_000;
