//! What an ended execution adds to every bucket.

use super::fact::Status;
use super::state::{Execution, Outcome};
use crate::bucket::{Day, Hour};
use crate::kind::Kind;
use crate::limits::MAX_COUNT;
use crate::tally::Tally;
use crate::zone::Zone;

/// Of an execution's tools only the most called count in pairs: all pairs of 30 tools took 846 µs
/// an event in Redis, those of 12 take a sixth of it.
pub const PAIRED_TOOLS: usize = 12;

/// What one ended execution adds to every bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution<'a> {
    pub ended_ms: i64,
    pub agent_name: &'a str,
    pub agent_type: &'a str,
    pub model: Option<&'a str>,
    pub session_id: Option<&'a str>,
    pub kind: Kind,
    pub project: Option<&'a str>,
    pub branch: Option<&'a str>,
    pub host: Option<&'a str>,
    pub tally: Tally,
    pub duration_ms: Option<u64>,
    /// Tools and their calls, sorted by name. A tool that is named as used without a count of
    /// calls is here with 0: it counts among the executions that used it.
    pub tools: Vec<(&'a str, i64)>,
}

impl Execution {
    /// Returns `None` if it still runs.
    pub fn contribution(&self) -> Option<Contribution<'_>> {
        let outcome = self.outcome()?;
        Some(Contribution {
            ended_ms: outcome.ended_ms,
            agent_name: self.agent_name(),
            agent_type: self.agent_type(),
            model: self.model(),
            session_id: self.origin(|origin| &origin.session_id),
            kind: self.kind(),
            project: self.project(),
            branch: self.branch(),
            host: self.host(),
            tally: self.tally(&outcome),
            duration_ms: outcome.duration_ms,
            tools: self.tools(),
        })
    }

    /// Tools and their calls, sorted by name; see [`Contribution::tools`].
    pub fn tools(&self) -> Vec<(&str, i64)> {
        let called = self.tool_calls().iter().filter(|(_, calls)| **calls > 0);
        let called = called.map(|(tool, calls)| (tool.as_str(), (*calls).min(MAX_COUNT) as i64));
        let mut tools: Vec<(&str, i64)> = called.collect();
        for tool in self.stop.iter().flat_map(|stop| &stop.tools_used) {
            let place = tools.binary_search_by_key(&tool.as_str(), |(name, _)| *name);
            if let Err(place) = place {
                tools.insert(place, (tool, 0));
            }
        }
        tools
    }

    fn tally(&self, outcome: &Outcome) -> Tally {
        let usage = self.token_usage().unwrap_or_default();
        let is = |status| i64::from(outcome.status == status);
        Tally {
            execution_count: 1,
            success_count: is(Status::Success),
            failure_count: is(Status::Failure),
            timeout_count: is(Status::Timeout),
            duration_count: i64::from(outcome.duration_ms.is_some()),
            total_duration_ms: outcome.duration_ms.unwrap_or(0) as i64,
            input_tokens: usage.input_tokens as i64,
            output_tokens: usage.output_tokens as i64,
            cache_read_tokens: usage.cache_read_tokens as i64,
            cache_write_tokens: usage.cache_write_tokens as i64,
            total_tokens: usage.total_tokens as i64,
            cost_micros: self.cost_micros().unwrap_or(0),
            unpriced_count: i64::from(self.resolved.unpriced),
        }
    }
}

impl<'a> Contribution<'a> {
    pub fn hour(&self) -> Hour {
        Hour::of(self.ended_ms)
    }

    pub fn day(&self, zone: &Zone) -> Day {
        zone.day_of(self.ended_ms)
    }

    /// Each two of its [`PAIRED_TOOLS`] most called tools, each pair and the pairs sorted by name.
    pub fn tool_pairs(&self) -> Vec<(&'a str, &'a str)> {
        let mut most = self.tools.clone();
        most.sort_by(|(a, a_calls), (b, b_calls)| b_calls.cmp(a_calls).then(a.cmp(b)));
        most.truncate(PAIRED_TOOLS);
        let mut names: Vec<&str> = most.into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        let mut pairs = Vec::with_capacity(names.len() * names.len().saturating_sub(1) / 2);
        for (i, &first) in names.iter().enumerate() {
            pairs.extend(names[i + 1..].iter().map(|&second| (first, second)));
        }
        pairs
    }
}
