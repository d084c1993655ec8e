//! What one hook line says.

use serde::{Deserialize, Serialize};

/// One hook line, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct HookEvent {
    pub source: &'static str,
    /// Of the id that the hook program gave the line.
    pub line: u64,
    /// When the hook program saw it.
    pub at_ms: i64,
    pub session_id: Option<String>,
    /// A line may say something of two agents: of the one that it comes from, and of the one that
    /// this one launched or stopped.
    pub signals: Vec<Signal>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    SessionEnded,
    Agent {
        id: String,
        what: AgentSignal,
        /// Where its lines are, and whether the payload named the file itself.
        transcript: Option<(String, bool)>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum AgentSignal {
    /// Without a name where the client left it empty.
    Started { name: Option<String> },
    Stopped {
        name: Option<String>,
        failure: Option<String>,
        again: bool,
    },
    /// Stopped from outside.
    Closed,
    Launched {
        parent: Option<String>,
        model: Option<String>,
    },
    /// The other side of [`AgentSignal::Launched`].
    HasLaunched { child: String },
    ToolBegan {
        use_id: Option<String>,
        name: String,
    },
    ToolEnded {
        use_id: Option<String>,
        name: String,
        failed: bool,
    },
    /// Read from a transcript, of a time when no hook reported it.
    Imported {
        name: Option<String>,
        turns: Vec<Imported>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Imported {
    pub started_ms: i64,
    pub ended_ms: i64,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Success,
    Failure,
    Interrupted,
}
