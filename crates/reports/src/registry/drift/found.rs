//! What ran under the names of definitions, and under others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use agentpulse_core::bucket::Day;
use agentpulse_core::execution::Execution;
use agentpulse_core::kind::Kind;
use agentpulse_core::names::OTHER;
use agentpulse_store::history::{Error, Reader};

/// Of one name the newest: what more of them say is hardly another thing.
const MAX_OF_NAME: usize = 200;
/// Of all names, some 200 ms.
const MAX_EXECUTIONS: usize = 20_000;
/// Names that nobody defines and that ran most.
const MAX_UNDEFINED: usize = 500;
/// The client whose definitions are read.
const CLIENT: &str = "claude-code";

/// What the newest executions of a name say.
#[derive(Default)]
pub struct Sample {
    pub executions: usize,
    pub models: BTreeMap<String, usize>,
    pub tools: BTreeSet<String>,
    pub projects: BTreeMap<String, usize>,
}

#[derive(Default)]
pub struct Found {
    /// Executions of each name.
    pub counts: HashMap<String, i64>,
    /// The last end, of names that are defined and did not run in these days.
    pub last_ms: HashMap<String, i64>,
    pub samples: HashMap<String, Sample>,
    /// Executions of agents that the client has run, and nobody defines; with their last end.
    pub undefined: BTreeMap<String, (i64, i64)>,
    pub is_whole: bool,
}

impl Found {
    /// `names` are those that are defined, and whether executions may contradict them.
    pub fn read(
        reader: &Reader,
        names: &HashMap<String, bool>,
        (from, to): (Day, Day),
        ended_ms: Range<i64>,
    ) -> Result<Found, Error> {
        let mut found = Found {
            is_whole: true,
            ..Found::default()
        };
        reader.each_agent_day(from, to, |row| {
            *found.counts.entry(row.agent_name).or_default() += row.tally.execution_count;
        })?;
        found.counts.remove(OTHER);
        for name in names
            .keys()
            .filter(|name| !found.counts.contains_key(*name))
        {
            if let Some(last_ms) = reader.last_ended(name)? {
                found.last_ms.insert(name.clone(), last_ms);
            }
        }
        let asked = names.iter().filter(|(_, is_asked)| **is_asked);
        let asked = asked.map(|(name, _)| name.as_str()).collect();
        found.sample(reader, asked, &ended_ms)?;
        found.find_undefined(reader, names, &ended_ms)?;
        Ok(found)
    }

    fn sample(
        &mut self,
        reader: &Reader,
        mut asked: Vec<&str>,
        ended_ms: &Range<i64>,
    ) -> Result<(), Error> {
        asked.retain(|name| self.counts.contains_key(*name));
        // Those that ran most first, for want of room for all.
        asked.sort_by_key(|name| (-self.counts[*name], *name));
        let mut room = MAX_EXECUTIONS;
        for name in asked {
            if room == 0 {
                self.is_whole = false;
                return Ok(());
            }
            let mut sample = Sample::default();
            let add = |execution: &Execution| sample.add(execution);
            reader.each_of_agent(name, ended_ms.clone(), room.min(MAX_OF_NAME), add)?;
            room -= sample.executions;
            self.samples.insert(name.to_owned(), sample);
        }
        Ok(())
    }

    fn find_undefined(
        &mut self,
        reader: &Reader,
        defined: &HashMap<String, bool>,
        ended_ms: &Range<i64>,
    ) -> Result<(), Error> {
        let counts = self.counts.iter();
        let mut others: Vec<(&String, i64)> = counts
            .filter(|(name, _)| !defined.contains_key(*name))
            .map(|(name, count)| (name, *count))
            .collect();
        others.sort_by_key(|(name, count)| (-*count, *name));
        self.is_whole &= others.len() <= MAX_UNDEFINED;
        let mut undefined = BTreeMap::new();
        for (name, count) in others.into_iter().take(MAX_UNDEFINED) {
            let mut last_ms = None;
            let newest = |execution: &Execution| last_ms = of_client(execution);
            reader.each_of_agent(name, ended_ms.clone(), 1, newest)?;
            undefined.extend(last_ms.map(|last_ms| (name.clone(), (count, last_ms))));
        }
        self.undefined = undefined;
        Ok(())
    }
}

impl Sample {
    fn add(&mut self, execution: &Execution) {
        self.executions += 1;
        if let Some(model) = execution.model() {
            *self.models.entry(model.to_owned()).or_default() += 1;
        }
        let tools = execution.tools().into_iter();
        self.tools.extend(tools.map(|(tool, _)| tool.to_owned()));
        if let Some(project) = execution.project() {
            *self.projects.entry(project.to_owned()).or_default() += 1;
        }
    }
}

/// The end of an agent of the client; None for a main thread, and for agents of other programs.
fn of_client(execution: &Execution) -> Option<i64> {
    let source = execution.origin(|origin| &origin.source);
    let is_agent = execution.kind() != Kind::Main && source == Some(CLIENT);
    let outcome = execution.outcome().filter(|_| is_agent);
    outcome.map(|outcome| outcome.ended_ms)
}
