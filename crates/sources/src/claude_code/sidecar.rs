//! The small file beside a transcript: `agent-<id>.meta.json`.

use crate::clean::{clean_name, clean_text};
use crate::json::{Object, scalar};
use agentpulse_core::kind::Kind;
use agentpulse_core::turns::Launch;

/// What the client notes of an agent when it launches it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sidecar {
    /// The agent's name.
    pub agent_type: Option<String>,
    /// Redacted and cut.
    pub description: Option<String>,
    /// As it was asked for; the transcript names the one that answered.
    pub model: Option<String>,
    /// 1 below the main thread.
    pub spawn_depth: Option<u64>,
    /// `None` below the main thread.
    pub parent_agent_id: Option<String>,
    /// The call of the tool that launched it.
    pub tool_use_id: Option<String>,
    /// The user stopped it: no hook reports that.
    pub is_stopped: bool,
    /// A workflow started it.
    pub is_of_workflow: bool,
    /// What a teammate is; its name says who it is.
    pub spawned_type: Option<String>,
}

impl Sidecar {
    /// Returns `None` for what is not JSON. A field that is not what it should be is `None`.
    pub fn parse(text: &str) -> Option<Sidecar> {
        let fields = Object::parse(text).ok()?.unwrap_or_default();
        let name = |field| fields.string(field).and_then(clean_name);
        let flag = |field| {
            let value = fields.get(field).and_then(scalar);
            value.and_then(|value| value.as_bool()).unwrap_or(false)
        };
        let spawn_depth = fields.get("spawnDepth").and_then(scalar);
        Some(Sidecar {
            agent_type: name("agentType"),
            description: fields.string("description").map(clean_text),
            model: name("model"),
            spawn_depth: spawn_depth.and_then(|depth| depth.as_u64()),
            parent_agent_id: name("parentAgentId"),
            tool_use_id: name("toolUseId"),
            is_stopped: flag("stoppedByUser"),
            is_of_workflow: flag("inWorkflowRun"),
            spawned_type: name("spawnedAgentType"),
        })
    }

    /// What it says of the launch of its agent.
    pub fn launch(self) -> Launch {
        let kind = match (&self.spawned_type, self.is_of_workflow) {
            (Some(_), _) => Some(Kind::Teammate),
            (None, true) => Some(Kind::Workflow),
            (None, false) => None,
        };
        Launch {
            parent: self.parent_agent_id,
            model: self.model,
            description: self.description,
            depth: self.spawn_depth,
            kind,
            agent_type: self.spawned_type,
        }
    }
}
