//! How the agents did lately: one read of the history for all of them.

use std::collections::HashMap;

use agentpulse_core::bucket::Day;
use agentpulse_core::execution::Status;
use agentpulse_core::tally::Tally;
use agentpulse_selection::candidate::{Candidate, Runs};
use agentpulse_selection::experience::{Experience, Past};
use agentpulse_selection::select::Selector;
use agentpulse_store::history::{Error, Reader};

use super::indexed::Indexed;

/// Today included.
pub const DAYS: i32 = 30;
/// The newest executions, whose descriptions are compared with a task.
const MAX_PAST: usize = 1_000;
/// A client's success says little more than that its API did not fail.
const STRENGTH: f64 = 0.3;
/// Of an agent without a record, where nothing ran.
const UNKNOWN_SUCCESS: f64 = 0.5;

pub struct Record {
    /// By the ids of definitions.
    agents: HashMap<String, OfAgent>,
    pub experience: Experience,
    /// Of all executions of these days.
    pub expected_success: f64,
}

#[derive(Default)]
struct OfAgent {
    runs: Runs,
    tally: Tally,
}

impl Record {
    /// Of the definitions whose names are no other's: executions have names alone.
    pub fn read(
        reader: &Reader,
        indexed: &Indexed,
        selector: &Selector,
        since_ms: i64,
        (from, today): (Day, Day),
    ) -> Result<Record, Error> {
        let mut record = Record {
            agents: HashMap::new(),
            experience: Experience::of(MAX_PAST),
            expected_success: UNKNOWN_SUCCESS,
        };
        let mut all = Tally::default();
        reader.each_agent_day(from, today, |row| {
            all += row.tally;
            if let Some(id) = indexed.id_of(&row.agent_name) {
                let agent = record.agents.entry(id.to_owned()).or_default();
                agent.add((today.0 - row.day.0).unsigned_abs(), row.tally);
            }
        })?;
        if all.execution_count > 0 {
            record.expected_success = all.success_count as f64 / all.execution_count as f64;
        }
        let mut past = Vec::new();
        reader.each_ended_since(since_ms, MAX_PAST, |execution| {
            let id = indexed.id_of(execution.agent_name());
            let task = execution.task_description();
            let outcome = execution.outcome();
            if let (Some(id), Some(task), Some(outcome)) = (id, task, outcome) {
                let words = selector
                    .words
                    .of_task(task, |term| indexed.index.knows(term));
                past.push(Past {
                    agent: id.into(),
                    terms: words.into_iter().map(|word| word.term).collect(),
                    success: f64::from(u8::from(outcome.status == Status::Success)),
                    strength: STRENGTH,
                });
            }
        })?;
        past.iter()
            .rev()
            .for_each(|task| record.experience.add(task));
        Ok(record)
    }

    pub fn fill(&self, candidate: &mut Candidate) {
        let Some(agent) = self.agents.get(&*candidate.id) else {
            return;
        };
        let tally = &agent.tally;
        candidate.recent = agent.runs;
        candidate.mean_ms = mean(tally.total_duration_ms, tally.duration_count);
        // Executions without a known price would count as free.
        if tally.unpriced_count == 0 && tally.cost_micros > 0 {
            candidate.mean_cost_micros = mean(tally.cost_micros, tally.execution_count);
        }
    }
}

impl OfAgent {
    fn add(&mut self, age_days: u32, tally: Tally) {
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        let (succeeded, finished) = (count(tally.success_count), count(tally.execution_count));
        self.runs.add(age_days, succeeded, finished);
        self.tally += tally;
    }
}

fn mean(sum: i64, count: i64) -> Option<u64> {
    u64::try_from(sum.checked_div(count)?).ok()
}
