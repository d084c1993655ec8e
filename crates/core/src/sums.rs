//! A run of changes, summed by bucket: what a view has to add, however many changes it was.

use std::collections::BTreeMap;

use super::bucket::{Day, Hour};
use super::change::Change;
use super::execution::Contribution;
use super::names::{NameKind, Names};
use super::sketch::Sketch;
use super::sum::add;
use super::tally::Tally;

/// Every map is sorted by its bucket, which is the order in which a database is quickest.
#[derive(Debug, Default, PartialEq)]
pub struct Sums<'a> {
    pub hours: BTreeMap<(Hour, &'a str), Tally>,
    pub days: BTreeMap<Day, Tally>,
    pub agents: BTreeMap<(Day, &'a str), AgentSum>,
    pub models: BTreeMap<(Day, &'a str), Tally>,
    pub sessions: BTreeMap<(Day, &'a str), Tally>,
    /// By day, agent type and tool.
    pub tools: BTreeMap<(Day, &'a str, &'a str), ToolSum>,
    /// By day and the two tools, sorted: executions that used both.
    pub pairs: BTreeMap<(Day, &'a str, &'a str), i64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToolSum {
    pub calls: i64,
    pub executions: i64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentSum {
    pub tally: Tally,
    pub sketch: Sketch,
    /// Of the durations that were added.
    pub min_duration_ms: Option<u64>,
    pub max_duration_ms: Option<u64>,
    /// A duration was taken away: it may have been the smallest or the largest of the bucket, and
    /// only a look at the executions can tell what is now.
    pub extremes_unknown: bool,
}

/// Executions that do not say where they belong are in no bucket of models or sessions by name.
pub const NONE: &str = "";

impl<'a> Sums<'a> {
    pub fn of(changes: impl IntoIterator<Item = &'a Change>) -> Sums<'a> {
        let mut sums = Sums::default();
        for change in changes {
            for (sign, contribution) in change.moves() {
                sums.add(sign, &contribution);
            }
        }
        sums
    }

    fn add(&mut self, sign: i64, contribution: &Contribution<'a>) {
        let (day, name) = (contribution.day(), contribution.agent_name);
        let agent_type = contribution.agent_type;
        let tally = if sign < 0 {
            -contribution.tally
        } else {
            contribution.tally
        };
        let model = contribution.model.unwrap_or(NONE);
        let session = contribution.session_id.unwrap_or(NONE);
        *self
            .hours
            .entry((contribution.hour(), agent_type))
            .or_default() += tally;
        *self.days.entry(day).or_default() += tally;
        *self.models.entry((day, model)).or_default() += tally;
        *self.sessions.entry((day, session)).or_default() += tally;
        let agent = self.agents.entry((day, name)).or_default();
        agent.tally += tally;
        if let Some(duration_ms) = contribution.duration_ms {
            agent.add_duration(duration_ms, sign);
        }
        for &(tool, calls) in &contribution.tools {
            let sum = self.tools.entry((day, agent_type, tool)).or_default();
            add(&mut sum.calls, sign * calls);
            sum.executions += sign;
        }
        for (first, second) in contribution.tool_pairs() {
            *self.pairs.entry((day, first, second)).or_default() += sign;
        }
    }

    /// The same by the names that have a place in Redis. A pair with a tool that has none says
    /// nothing and is left out.
    pub fn relabelled(self, names: &Names) -> Sums<'a> {
        let mut relabelled = Sums {
            days: self.days,
            ..Sums::default()
        };
        for ((hour, agent_type), tally) in self.hours {
            *relabelled
                .hours
                .entry((hour, names.label(NameKind::Type, hour.day(), agent_type)))
                .or_default() += tally;
        }
        for ((day, agent), sum) in self.agents {
            let place = names.label(NameKind::Agent, day, agent);
            relabelled
                .agents
                .entry((day, place))
                .or_default()
                .merge(&sum);
        }
        for ((day, agent_type, tool), sum) in self.tools {
            let key = (
                day,
                names.label(NameKind::Type, day, agent_type),
                names.label(NameKind::Tool, day, tool),
            );
            let relabelled = relabelled.tools.entry(key).or_default();
            add(&mut relabelled.calls, sum.calls);
            relabelled.executions += sum.executions;
        }
        let is_tracked = |day, tool| names.is_tracked(NameKind::Tool, day, tool);
        let pairs = self.pairs.into_iter();
        relabelled.pairs = pairs
            .filter(|&((day, a, b), _)| is_tracked(day, a) && is_tracked(day, b))
            .collect();
        relabelled
    }
}

impl AgentSum {
    fn add_duration(&mut self, duration_ms: u64, sign: i64) {
        self.sketch.add(duration_ms, sign);
        if sign < 0 {
            self.extremes_unknown = true;
            return;
        }
        self.widen(Some(duration_ms), Some(duration_ms));
    }

    pub fn merge(&mut self, other: &AgentSum) {
        self.tally += other.tally;
        self.sketch.merge(&other.sketch);
        self.widen(other.min_duration_ms, other.max_duration_ms);
        self.extremes_unknown |= other.extremes_unknown;
    }

    fn widen(&mut self, min_ms: Option<u64>, max_ms: Option<u64>) {
        self.min_duration_ms = self.min_duration_ms.into_iter().chain(min_ms).min();
        self.max_duration_ms = self.max_duration_ms.into_iter().chain(max_ms).max();
    }
}
