//! Which of the definitions are listed, and in which order.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use agentpulse_core::agent_type::AgentTypes;
use agentpulse_definitions::Scope;

use super::choice::{Chosen, Status};
use super::figures::Figures;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    pub status: Option<Status>,
    /// The least value of the field `priority`.
    pub priority: Option<i64>,
    /// All of these.
    pub tools: Vec<String>,
    /// All of these words, in the name or the description.
    pub words: Vec<String>,
    pub scope: Option<Scope>,
    pub agent_type: Option<String>,
    /// Of executions.
    pub names: Option<BTreeSet<String>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    #[default]
    Name,
    Activity,
    Cost,
    Success,
}

impl Sort {
    pub const CHOICES: [(&str, Sort); 4] = [
        ("name", Sort::Name),
        ("activity", Sort::Activity),
        ("cost", Sort::Cost),
        ("success", Sort::Success),
    ];

    /// What is most of it comes first, by name where it is equal. What has never run comes last.
    pub fn sort(self, chosen: &mut [Chosen], figures: &HashMap<String, Figures>) {
        let nothing = Figures::default();
        let of = |one: &Chosen| figures.get(one.agent.run_name()).unwrap_or(&nothing);
        chosen.sort_by_cached_key(|one| {
            let tally = &of(one).tally;
            let rank = match self {
                Sort::Name => (0, 0),
                Sort::Activity => (one.runs.count as i64, of(one).last_ms.unwrap_or(i64::MIN)),
                Sort::Cost => (tally.cost_micros, 0),
                // A rate has four decimals.
                Sort::Success if tally.execution_count == 0 => (-1, 0),
                Sort::Success => ((tally.success_rate() * 1e4) as i64, tally.execution_count),
            };
            let agent = &one.agent;
            (
                Reverse(rank),
                agent.run_name().to_owned(),
                agent.path.clone(),
            )
        });
    }
}

impl Filter {
    pub fn takes(&self, one: &Chosen, types: &AgentTypes) -> bool {
        let agent = &one.agent;
        let definition = &agent.definition;
        let has_tool = |tool: &String| match &definition.config.tools {
            None => true,
            // `Bash(git:*)` is Bash.
            Some(tools) => tools
                .iter()
                .any(|one| one.split('(').next() == Some(tool.as_str())),
        };
        let text = || format!("{} {}", agent.run_name(), definition.description).to_lowercase();
        let is_named = |names: &BTreeSet<String>| names.contains(agent.run_name());
        self.names.as_ref().is_none_or(is_named)
            && self.status.is_none_or(|status| status == one.status)
            && self.scope.is_none_or(|scope| scope == agent.scope)
            && self
                .priority
                .is_none_or(|least| priority(one).is_some_and(|own| own >= least))
            && self.tools.iter().all(has_tool)
            && (self.words.is_empty() || {
                let text = text();
                self.words.iter().all(|word| text.contains(word))
            })
            && self
                .agent_type
                .as_deref()
                .is_none_or(|of| types.classify(agent.run_name()) == of)
    }
}

/// A field that the client does not know.
fn priority(one: &Chosen) -> Option<i64> {
    one.agent.definition.config.extra.get("priority")?.as_i64()
}
