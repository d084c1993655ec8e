//! How the queue is set.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::limits::{DEFAULT_LEASE_S, DEFAULT_RETRIES};

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub roles: Roles,
    /// What a step of the priority is worth in waiting; 0: the priority alone decides.
    pub age_step_ms: i64,
    pub lease_ms: i64,
    /// After the end of an execution that did not say what became of its task.
    pub abandon_after: Duration,
    pub max_retries: u32,
    /// Takes what is for the agent that fits best, where nobody fits.
    pub fallback_role: String,
    /// How long what has ended is kept, and messages.
    pub keep_ms: i64,
    pub keep_logs_ms: i64,
}

/// To whom tasks may be assigned.
#[derive(Clone, Debug, PartialEq)]
pub struct Roles {
    pub names: BTreeSet<String>,
    /// By role, the agents that take what is assigned to it.
    pub agents: BTreeMap<String, Vec<String>>,
}

const DEFAULT_ROLES: [&str; 6] = [
    "architect",
    "developer",
    "monitor",
    "qa",
    "security",
    "triage",
];
const DAY_MS: i64 = 86_400_000;

impl Default for Roles {
    fn default() -> Roles {
        Roles {
            names: DEFAULT_ROLES.map(str::to_owned).into(),
            agents: BTreeMap::new(),
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            roles: Roles::default(),
            age_step_ms: 600_000,
            lease_ms: DEFAULT_LEASE_S as i64 * 1_000,
            abandon_after: Duration::from_secs(60),
            max_retries: DEFAULT_RETRIES,
            fallback_role: "triage".to_owned(),
            keep_ms: 30 * DAY_MS,
            keep_logs_ms: 14 * DAY_MS,
        }
    }
}

impl Roles {
    /// What somebody of this role, and of this name, takes.
    pub fn taken_by(&self, role: Option<&str>, agent_name: Option<&str>) -> Vec<String> {
        let named = agent_name.into_iter().flat_map(|name| {
            let roles = self.agents.iter();
            let roles = roles.filter(move |(_, agents)| agents.iter().any(|agent| agent == name));
            roles.map(|(role, _)| role.as_str())
        });
        let all: BTreeSet<&str> = role.into_iter().chain(agent_name).chain(named).collect();
        all.into_iter().map(str::to_owned).collect()
    }
}
