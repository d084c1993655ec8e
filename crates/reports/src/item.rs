//! Executions that an answer shares, and those that only the live view has.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use agentpulse_core::execution::{Execution, HookFacts, Origin, Resolved, Start};
use agentpulse_core::item::Item;
use agentpulse_core::kind::Kind;
use agentpulse_core::view::Active;

/// A shared execution, written as an [`Item`].
#[derive(Debug, PartialEq)]
pub struct SharedItem(pub Arc<Execution>);

impl Serialize for SharedItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Item::of(&self.0).serialize(serializer)
    }
}

/// The execution behind a detail of the live view, before history has it.
pub fn started(active: Active) -> Execution {
    let mut execution = Execution::new(active.agent_id);
    execution.resolved = Resolved {
        agent_type: active.agent_type,
        ..Resolved::default()
    };
    let is_hooked = active.depth.is_some() || active.kind != Kind::default();
    execution.hooked = is_hooked.then(|| {
        Box::new(HookFacts {
            depth: active.depth,
            kind: Some(active.kind),
            ..HookFacts::default()
        })
    });
    execution.start = Some(Arc::new(Start {
        agent_name: active.agent_name,
        agent_type: None,
        started_ms: active.started_ms,
        task_description: active.task_description,
        tools_granted: active.tools_granted,
        context_size: active.context_size,
        origin: Origin {
            session_id: active.session_id,
            parent_agent_id: active.parent_agent_id,
            model: active.model,
            project: active.project,
            branch: active.branch,
            host: active.host,
            source: active.source,
        },
    }));
    execution
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::samples::active;

    #[test]
    fn a_running_execution_has_no_end() {
        let mut running = active("x", 1_000);
        running.parent_agent_id = Some("p".to_owned());
        running.agent_type = "writer".to_owned();
        let running = started(running);
        let item = serde_json::to_value(Item::of(&running)).unwrap();
        assert_eq!(item["status"], "running");
        assert_eq!(item["agent_type"], "writer");
        assert_eq!(item["parent_agent_id"], "p");
        for field in ["execution_end", "duration_ms", "token_usage"] {
            assert_eq!(item[field], Value::Null);
        }
    }
}
