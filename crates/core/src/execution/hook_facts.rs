//! What hooks and transcripts say of an execution.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fact::{Origin, Start, Stop};
use crate::kind::Kind;
use crate::usage::Usage;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookFacts {
    /// Rows of versions that did not keep it have none; then their shape decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<HookOwned>,
    /// Where it belongs by the hooks, where neither the start nor the stop is theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<Origin>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// No hook reported it: only its transcript shows it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_discovered: bool,
    /// The file that holds the agent's lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// Those that hold its later lines, where it went on in other sessions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub later_transcripts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub later_sessions: Vec<String>,
    /// Counted from the hooks; what the transcript says wins.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tool_calls: BTreeMap<String, u64>,
    pub tool_errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u64>,
    /// The end for which the transcript was read, or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_for_ms: Option<i64>,
    /// The offset in the file, in bytes, from which it was read then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Box<Usage>>,
    /// Why the transcript could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// Which of an execution's start and stop hooks reported: those they may take back. The others
/// came by themselves and were acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookOwned {
    pub start: bool,
    pub stop: bool,
    /// Their stop is of somebody else than the agent; see [`TurnFacts::is_closed`].
    pub closed: bool,
}

/// All that hooks say of one turn, as it is known now.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnFacts {
    pub start: Option<Start>,
    pub stop: Option<Stop>,
    /// It was stopped from outside, or left by its session: a stop of its own takes the place of
    /// that.
    pub is_closed: bool,
    pub kind: Kind,
    pub is_discovered: bool,
    pub transcript: Option<String>,
    pub later_transcripts: Vec<String>,
    pub later_sessions: Vec<String>,
    /// They count once the execution is over: while it runs they are heartbeats.
    pub tool_calls: BTreeMap<String, u64>,
    pub tool_errors: u64,
    pub task_description: Option<String>,
    pub depth: Option<u64>,
}

/// What came of reading the transcript for the end that an execution had.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub ended_ms: i64,
    pub from: u64,
    /// The error says why it is not available.
    pub usage: Result<Box<Usage>, String>,
}
