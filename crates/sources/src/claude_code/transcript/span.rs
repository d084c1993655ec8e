//! The time of one turn.

/// When a turn began and ended, as its hooks report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The latest line that was read for the turns before in the same file.
    pub read_until_ms: Option<i64>,
    pub started_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    /// By then it was over: the agent did not report its end.
    pub is_closed: bool,
}

/// The first line of a turn is some 50 ms older than its start.
pub(super) const OLDER_THAN_ITS_TURN_MS: i64 = 5_000;
