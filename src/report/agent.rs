//! What history tells of one agent, by the name that was asked for. As `_other` is to the live view
//! all that has no place there, it is that to history too, which knows each of them by its name.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Sources;
use crate::domain::bucket::Day;
use crate::domain::execution::Execution;
use crate::domain::names::{NameKind, Names, OTHER};
use crate::domain::view::{AgentDay, Failed};
use crate::history::{Error, Reader};

/// Before and after all days.
const EVER: (Day, Day) = (Day(i32::MIN), Day(i32::MAX));

#[derive(Clone)]
pub(super) enum Agent {
    Named(Arc<str>),
    /// All that none of these names is.
    Others(Arc<Names>),
}

impl Sources {
    pub(super) fn agent(&self, agent_name: &str) -> Agent {
        if agent_name == OTHER {
            Agent::Others(Arc::new(self.names().clone()))
        } else {
            Agent::Named(agent_name.into())
        }
    }
}

impl Agent {
    /// A row a day that had executions; both days included.
    pub(super) fn days(&self, reader: &Reader, from: Day, to: Day) -> Result<Vec<AgentDay>, Error> {
        let mut days = BTreeMap::new();
        for name in self.names(reader, from, to)? {
            for row in reader.agent_days(Some(&name), from, to)? {
                add(&mut days, row);
            }
        }
        Ok(days.into_values().collect())
    }

    /// The slowest that ended in these days, both included; the slowest first.
    pub(super) fn slowest(
        &self,
        reader: &Reader,
        (from, to): (Day, Day),
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>, Error> {
        let mut slowest = Vec::new();
        for name in self.names(reader, from, to)? {
            slowest.extend(reader.slowest(&name, from, to, limit)?);
            slowest.sort_by_key(|slow| Reverse(slow.outcome().and_then(|end| end.duration_ms)));
            slowest.truncate(limit);
        }
        Ok(slowest)
    }

    /// The last executions that did not succeed, newest end first.
    pub(super) fn failed(&self, reader: &Reader, limit: usize) -> Result<Vec<Failed>, Error> {
        let mut failed = Vec::new();
        for name in self.names(reader, EVER.0, EVER.1)? {
            failed.extend(reader.failed(&name, limit)?);
            failed.sort_by_key(|failed| Reverse(failed.ended_ms));
            failed.truncate(limit);
        }
        Ok(failed)
    }

    /// Those that ended executions in these days.
    fn names(&self, reader: &Reader, from: Day, to: Day) -> Result<Vec<Arc<str>>, Error> {
        Ok(match self {
            Agent::Named(name) => vec![name.clone()],
            Agent::Others(names) => {
                let agents = reader.agent_names(from, to)?.into_iter();
                agents
                    .filter(|name| names.place(NameKind::Agent, name) == OTHER)
                    .map(Arc::from)
                    .collect()
            }
        })
    }
}

fn add(days: &mut BTreeMap<Day, AgentDay>, row: AgentDay) {
    let Some(sum) = days.get_mut(&row.day) else {
        days.insert(row.day, row);
        return;
    };
    sum.tally += row.tally;
    sum.sketch.merge(&row.sketch);
    let (least, most) = (&mut sum.min_duration_ms, &mut sum.max_duration_ms);
    *least = least.iter().copied().chain(row.min_duration_ms).min();
    *most = most.iter().copied().chain(row.max_duration_ms).max();
}
