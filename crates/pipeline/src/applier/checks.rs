//! What is checked of Redis now and then, and when next.

use tokio::time::Instant;

pub struct Checks {
    /// When it is checked that the cursor is where it was left.
    pub cursor_at: Instant,
    /// Where it was then.
    pub seq: u64,
    /// When it is checked that Redis holds what it was given.
    pub at: Instant,
    /// How many days the last check went back beside today.
    pub back: i32,
    /// The page of all keys that is sampled next; the first if there is none.
    pub page: Option<String>,
    /// How many pages were sampled.
    pub turn: usize,
    /// No rebuild because of a difference before this.
    pub rebuild_at: Instant,
    /// The run of the server, and how many keys it had dropped by then.
    pub evicted: Option<(String, u64)>,
}

impl Checks {
    /// The first are due `now`.
    pub fn new(now: Instant) -> Checks {
        Checks {
            cursor_at: now,
            seq: 0,
            at: now,
            back: 0,
            page: None,
            turn: 0,
            rebuild_at: now,
            evicted: None,
        }
    }
}
