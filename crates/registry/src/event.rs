//! Changes, as they are kept for those who ask what came after.

use std::path::PathBuf;
use std::sync::Arc;

use agentpulse_definitions::{Agent, Change, Reason};

/// The newest.
pub const MAX_EVENTS: usize = 1_024;

/// A change without the agent, of which there may be thousands.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub seq: u64,
    pub what: What,
    pub agent_id: String,
    pub run_name: String,
    pub path: PathBuf,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Registered,
    /// With the fields that are not as they were.
    Updated(Vec<String>),
    Deregistered(Reason),
}

impl Event {
    pub fn of(seq: u64, change: &Change) -> Event {
        let (what, agent): (What, &Arc<Agent>) = match change {
            Change::Registered(agent) => (What::Registered, agent),
            Change::Updated { agent, changed } => (What::Updated(changed.clone()), agent),
            Change::Deregistered { agent, reason } => (What::Deregistered(*reason), agent),
        };
        Event {
            seq,
            what,
            agent_id: agent.id.clone(),
            run_name: agent.run_name().to_owned(),
            path: agent.path.clone(),
        }
    }
}
