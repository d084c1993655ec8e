//! What one hook line says.

use serde::{Deserialize, Serialize};

use crate::kind::Kind;

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
    Session(SessionEvent),
    Agent {
        id: String,
        what: AgentSignal,
        /// Where its lines are, and whether the payload named the file itself.
        transcript: Option<(String, bool)>,
    },
    /// The ids of all that ran in the background of the session.
    InBackground(Vec<String>),
}

/// What happens to a session, and may end what runs in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionEvent {
    /// Its client ended, or another one took it up.
    Ended,
    /// Its client goes on with another session, and so do the agents in the background.
    Left,
    /// A workflow was stopped from outside, and its agents with it.
    WorkflowStopped,
    /// A turn of the main thread began, by the id of its prompt. There is one at a time.
    Prompted(String),
}

/// When it happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionMark {
    pub at_ms: i64,
    pub what: SessionEvent,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AgentSignal {
    Started {
        /// `None` where the client left it empty.
        name: Option<String>,
        /// Of the turn of the main thread at that time.
        prompt: Option<String>,
    },
    Stopped {
        name: Option<String>,
        failure: Option<String>,
        again: bool,
    },
    /// Stopped from outside.
    Closed,
    Launched(Launched),
    /// The other side of [`AgentSignal::Launched`].
    HasLaunched {
        child: String,
    },
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

/// The answer to a launch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Launched {
    /// The agent that launched it; `None` for the main thread.
    pub parent: Option<String>,
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// What a teammate is, where its name says only who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Imported {
    pub started_ms: i64,
    pub ended_ms: i64,
    pub outcome: Outcome,
    /// Of the turn of the main thread at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Success,
    Failure,
    Interrupted,
}
