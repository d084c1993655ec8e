//! What an execution is in its client.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The main thread of a session, or an agent, by how it was started.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A turn of the thread that the user talks to.
    Main,
    #[default]
    Agent,
    /// An agent that a workflow started.
    Workflow,
    /// A member of a team, one execution a message.
    Teammate,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Main, Kind::Agent, Kind::Workflow, Kind::Teammate];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Main => "main",
            Kind::Agent => "agent",
            Kind::Workflow => "workflow",
            Kind::Teammate => "teammate",
        }
    }
}

/// Reads what [`Kind::as_str`] writes.
impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Kind, ()> {
        let mut all = Kind::ALL.into_iter();
        all.find(|kind| kind.as_str() == text).ok_or(())
    }
}
