//! What one commit of the journal keeps.

use std::sync::Arc;

use agentpulse_core::change::Change;
use agentpulse_core::names::TrackedName;
use agentpulse_core::turns::{SessionMark, Turns};

/// What one commit keeps.
#[derive(Default)]
pub struct Entry<'a> {
    pub at_ms: i64,
    pub changes: &'a [Arc<Change>],
    pub tracked_names: &'a [TrackedName],
    pub turns: Vec<(&'a str, &'a Turns)>,
    pub session_marks: Vec<(&'a str, &'a SessionMark)>,
    /// Agents of which turns are to be restated later, and those of which that is done.
    pub deferred: Vec<(&'a str, Deferred)>,
    pub resumed: Vec<&'a str>,
    /// Executions that no longer run, and whose last heartbeat was kept.
    pub ended: Vec<&'a str>,
}

/// What is still to be restated of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// The turns up to this number, or [`ALL_TURNS`].
    pub up_to: usize,
    /// Those of the agents that it launched, too, if it changes.
    pub descends: bool,
}

/// All turns that an agent has by then.
pub const ALL_TURNS: usize = u32::MAX as usize;
