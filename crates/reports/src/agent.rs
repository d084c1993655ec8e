//! The rows of one agent in history, by the requested name. `_other` collects in the live view all
//! untracked names; here it is the same set, although history knows each of them by its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::source::Sources;
use agentpulse_core::bucket::Day;
use agentpulse_core::execution::Execution;
use agentpulse_core::names::{NameKind, Names, OTHER};
use agentpulse_core::view::{AgentDay, Failed};
use agentpulse_store::history::{Error, Reader};

#[derive(Clone)]
pub(super) enum Agent {
    Named(Arc<str>),
    /// All that have no place on a day.
    Others(Names),
}

impl Sources {
    pub(super) fn agent(&self, agent_name: &str) -> Agent {
        if agent_name == OTHER {
            Agent::Others(self.names().clone())
        } else {
            Agent::Named(agent_name.into())
        }
    }
}

impl Agent {
    /// A row a day that had executions; both days included.
    pub(super) fn days(&self, reader: &Reader, from: Day, to: Day) -> Result<Vec<AgentDay>, Error> {
        let names = match self {
            Agent::Named(name) => return reader.agent_days(name, from, to),
            Agent::Others(names) => names,
        };
        let mut days = BTreeMap::new();
        reader.each_agent_day(from, to, |row| {
            if !names.is_tracked(NameKind::Agent, row.day, &row.agent_name) {
                add(&mut days, row);
            }
        })?;
        Ok(days.into_values().collect())
    }

    /// The slowest that ended in these days, both included; the slowest first.
    pub(super) fn slowest(
        &self,
        reader: &Reader,
        (from, to): (Day, Day),
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>, Error> {
        match self {
            Agent::Named(name) => reader.slowest(name, from, to, limit),
            Agent::Others(names) => {
                let is_other = |day, name: &str| !names.is_tracked(NameKind::Agent, day, name);
                reader.slowest_where(&is_other, from, to, limit)
            }
        }
    }

    /// The last executions that did not succeed, newest end first.
    pub(super) fn failed(&self, reader: &Reader, limit: usize) -> Result<Vec<Failed>, Error> {
        let names = match self {
            Agent::Named(name) => return reader.failed(name, limit),
            Agent::Others(names) => names,
        };
        // What calls itself so, and on days on which some found no place, those.
        let mut failed = reader.failed(OTHER, limit)?;
        for day in names.closed(NameKind::Agent) {
            let is_other =
                |name: &str| name != OTHER && !names.is_tracked(NameKind::Agent, day, name);
            failed.extend(reader.failed_where(&is_other, day, limit)?);
            failed.sort_by(|a, b| (b.ended_ms, &a.agent_id).cmp(&(a.ended_ms, &b.agent_id)));
            failed.truncate(limit);
            let oldest = failed.get(limit - 1);
            if oldest.is_some_and(|oldest| oldest.ended_ms >= reader.zone().start_ms(day)) {
                break;
            }
        }
        Ok(failed)
    }
}

fn add(days: &mut BTreeMap<Day, AgentDay>, row: AgentDay) {
    match days.get_mut(&row.day) {
        Some(sum) => sum.add(&row),
        None => drop(days.insert(row.day, row)),
    }
}
