//! What arrives, once it is understood. What decodes it is the crate `sources`, which bounds and
//! redacts everything: each value here is a good one.

use super::execution::{Fact, Reading};
use super::turns::{HookEvent, INTERRUPTED, Launch};

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Fact {
        id: String,
        fact: Fact,
    },
    Progress(Progress),
    /// What a hook said; the writer knows of which execution.
    Hook(Box<HookEvent>),
    /// What the transcript of an execution says.
    Read(Box<Read>),
    /// An execution that runs has ended: its transcript shows it, or its client no longer lists it.
    EndSeen {
        id: String,
        end: SeenEnd,
    },
    /// Understood, and without meaning for any number.
    Ignored,
}

/// A heartbeat. It is not durable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    pub id: String,
    /// By the stamp of its line, if that has one.
    pub observed_ms: Option<i64>,
    pub progress: Option<f64>,
    pub current_tool: Option<String>,
    /// A tool call that began or ended, if the source reports it.
    pub tool_call: Option<ToolCall>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    pub use_id: Option<String>,
    pub is_open: bool,
}

/// What came of reading the transcript of an execution, and the file beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub id: String,
    pub reading: Reading,
    pub launch: Launch,
    /// By the transcript it ended by itself, or was interrupted.
    pub end: Option<SeenEnd>,
}

/// An end that no hook reported.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenEnd {
    pub at_ms: i64,
    /// The error's name; `None` for a success.
    pub failure: Option<String>,
}

impl SeenEnd {
    /// By the user.
    pub fn interrupted(at_ms: i64) -> SeenEnd {
        SeenEnd {
            at_ms,
            failure: Some(INTERRUPTED.to_owned()),
        }
    }
}
