//! What clients of the registry's stream are sent: the names that its users know, each with the
//! whole agent.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;

use agentpulse_core::alert::Alert;
use agentpulse_registry as registry;

use crate::error::Error;
use crate::registry::agent::{Agent, Performance, Resources};
use crate::registry::changes::Event;
use crate::registry::{Definitions, Status, list};
use crate::report::Report;
use crate::service::Reports;

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub(super) enum Message {
    /// The agents are to be listed, as of this `seq` or later: the first message, and again if some
    /// changes were skipped.
    Definitions { seq: u64, epoch: String },
    AgentRegistered {
        seq: u64,
        /// None if it has gone again.
        agent: Option<Box<Agent>>,
    },
    AgentUpdated {
        seq: u64,
        agent_id: String,
        changed: Vec<String>,
        agent: Option<Box<Agent>>,
    },
    AgentDeregistered {
        seq: u64,
        agent_id: String,
        name: String,
        reason: Option<String>,
    },
    /// It fires, or is resolved.
    ResourceAlert { alert: Arc<Alert> },
    /// Agents whose numbers are not as they were.
    PerformanceUpdate { agents: Vec<Numbers> },
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Numbers {
    agent_id: String,
    run_name: String,
    status: Status,
    resources: Resources,
    performance: Performance,
}

impl Message {
    pub fn definitions(definitions: &Definitions) -> Message {
        let current = definitions.handle.now();
        Message::Definitions {
            seq: current.seq,
            epoch: current.epoch.clone(),
        }
    }

    fn of(event: &registry::Event, agents: &HashMap<&str, &Agent>, of: &Definitions) -> Message {
        let agent = agents.get(event.agent_id.as_str());
        let agent = agent.map(|agent| Box::new(Agent::clone(agent)));
        let seq = event.seq;
        match &event.what {
            registry::What::Registered => Message::AgentRegistered { seq, agent },
            registry::What::Updated(changed) => Message::AgentUpdated {
                seq,
                agent_id: event.agent_id.clone(),
                changed: changed.clone(),
                agent,
            },
            registry::What::Deregistered(_) => Message::AgentDeregistered {
                seq,
                agent_id: event.agent_id.clone(),
                name: event.run_name.clone(),
                reason: Event::of(event, of).reason,
            },
        }
    }
}

/// Messages of these events, and of the numbers of agents with these names.
pub(super) async fn read(
    reports: &Reports,
    events: &[Arc<registry::Event>],
    moved: &BTreeSet<String>,
) -> Result<Vec<Message>, Error> {
    let definitions = reports.definitions();
    let is_there =
        |event: &&Arc<registry::Event>| !matches!(event.what, registry::What::Deregistered(_));
    let changed = events.iter().filter(is_there);
    let names: BTreeSet<String> = changed
        .map(|event| event.run_name.clone())
        .chain(moved.iter().cloned())
        .collect();
    let agents = match names.is_empty() {
        true => Vec::new(),
        false => {
            let query = list::Query::of_names(names);
            query
                .fetch(&reports.own, (reports.now_ms)())
                .await?
                .0
                .agents
        }
    };
    let by_id: HashMap<&str, &Agent> = agents
        .iter()
        .map(|agent| (agent.agent_id.as_str(), agent))
        .collect();
    let events = events.iter();
    let mut messages: Vec<Message> = events
        .map(|event| Message::of(event, &by_id, definitions))
        .collect();
    let numbers = agents
        .into_iter()
        .filter(|agent| moved.contains(&agent.run_name));
    let agents: Vec<Numbers> = numbers.map(Numbers::of).collect();
    if !agents.is_empty() {
        messages.push(Message::PerformanceUpdate { agents });
    }
    Ok(messages)
}

impl Numbers {
    fn of(agent: Agent) -> Numbers {
        Numbers {
            agent_id: agent.agent_id,
            run_name: agent.run_name,
            status: agent.status,
            resources: agent.resources,
            performance: agent.performance,
        }
    }
}
