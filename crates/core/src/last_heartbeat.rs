//! The last heartbeat of a running execution, as it is kept over a restart of the daemon.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastHeartbeat {
    /// When it came, in milliseconds that the daemon had listened by then, over all of its lives.
    /// No wall clock can say how long an execution was silent: it jumps, and goes on while nobody
    /// listens.
    pub listened_ms: u64,
    /// When it came, by the wall clock.
    pub at_ms: i64,
    /// By how much a start came later than it says that it was made, when that is more than the
    /// time-out: its silence counts from then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late_ms: i64,
    /// The tool calls that were open, by the hash of their id, with their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<(Option<u64>, Arc<str>)>,
}

/// What the daemon kept before it ended.
#[derive(Debug, Default)]
pub struct KeptHeartbeats {
    /// By the id of the execution.
    pub last: HashMap<String, LastHeartbeat>,
    /// The daemon stopped in order, so that no heartbeat is missing.
    pub is_whole: bool,
}

fn is_zero(ms: &i64) -> bool {
    *ms == 0
}
