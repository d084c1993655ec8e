//! The definitions that may be chosen, and why others may not.

use std::sync::Arc;

use agentpulse_core::only::Only;
use agentpulse_definitions::{Finding, Scope, Severity};
use agentpulse_pipeline::running::Running;
use agentpulse_pipeline::settings::RuntimeSettings;
use agentpulse_registry::Current;
use agentpulse_selection::candidate::{Candidate, Preference, Runs};
use agentpulse_selection::roster::Roster;

use super::Seen;
use super::indexed::{Indexed, tool_name};
use super::record::Record;
use crate::registry::Status;
use crate::registry::by_project::{Among, ByProject, Same};
use crate::registry::choice::{Chosen, Standing};

type Of = (
    Same<Current>,
    Same<Indexed>,
    Same<Record>,
    Same<RuntimeSettings>,
);

/// The last ones, without what is of one moment or of one request.
#[derive(Default)]
pub struct Rosters(ByProject<Of, Roster>);

impl Rosters {
    pub fn get(&self, seen: &Seen, standing: &Standing, among: &Among) -> Arc<Roster> {
        let of = (
            Same::of(seen.current),
            Same::of(seen.indexed),
            Same::of(seen.record),
            Same::of(seen.settings),
        );
        let candidate = |one: &Chosen| {
            let mut candidate = Candidate::new(one.agent.id.as_str());
            candidate.ineligible = ineligible(one, &seen.settings.maintenance).map(Arc::from);
            seen.record.fill(&mut candidate);
            candidate
        };
        let candidates = || standing.all.iter().map(candidate);
        let make = || Roster::new(&seen.indexed.index, candidates());
        self.0.get(of, among, make)
    }
}

/// What is added to a roster, which is copied if there is anything.
pub struct Adding(pub Arc<Roster>);

impl Adding {
    pub fn running(&mut self, standing: &Standing, running: &Running, only: &Only) {
        for (place, runs) in standing.runs(running, only) {
            self.change(&standing.all[place].agent.id, |candidate| {
                candidate.running = u32::try_from(runs.count).unwrap_or(u32::MAX);
            });
        }
    }

    /// The runs of agents beside those that the request names. Executions have names alone, which
    /// several definitions may have.
    pub fn together<'a>(
        &mut self,
        indexed: &Indexed,
        beside: impl IntoIterator<Item = (&'a str, Runs)>,
    ) {
        for (name, runs) in beside {
            if let Some(id) = indexed.id_of(name) {
                self.change(id, |candidate| candidate.together = runs);
            }
        }
    }

    pub fn preferences<'a>(&mut self, said: impl Iterator<Item = (&'a str, Preference)>) {
        for (id, preference) in said {
            self.change(id, |candidate| candidate.preference = preference);
        }
    }

    /// Those whose definitions deny one of these tools.
    pub fn denied(&mut self, standing: &Standing, tools: &[String]) {
        for one in &standing.all {
            let denied = &one.agent.definition.config.disallowed_tools;
            let Some(tool) = tools.iter().find(|tool| denied.contains(tool)) else {
                continue;
            };
            self.change(&one.agent.id, |candidate| {
                let why = || format!("it has no tool {}", tool_name(tool)).into();
                candidate.ineligible.get_or_insert_with(why);
            });
        }
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Candidate)) {
        Arc::make_mut(&mut self.0).get_mut(id).map(change);
    }
}

fn ineligible(one: &Chosen, maintenance: &[String]) -> Option<String> {
    match one.status(maintenance) {
        Status::Error => {
            let error = |finding: &&Finding| finding.severity == Severity::Error;
            let why = one.agent.findings.iter().find(error);
            let why = why.map_or("its file is broken", |finding| finding.message.as_str());
            Some(match one.agent.scope {
                Scope::Library => format!("its file is wrong: {why}"),
                _ => format!("the client does not load it: {why}"),
            })
        }
        Status::Maintenance => Some("it is in maintenance".to_owned()),
        Status::Active | Status::Idle if one.agent.scope == Scope::Library => {
            (!one.is_offered).then(|| "the library has its name twice".to_owned())
        }
        Status::Active | Status::Idle if !one.is_effective => {
            Some("the client takes another definition of its name".to_owned())
        }
        Status::Active | Status::Idle => None,
    }
}
