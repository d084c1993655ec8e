//! What is counted of all time: the numbers behind the Prometheus counters. They are folded from
//! the same changes as the rollups, but never forgotten, and by names of which there is a bound.

use std::collections::BTreeMap;

use super::change::Change;
use super::execution::Contribution;
use super::names::{NameKind, Names};
use super::sum::add;

pub const EXECUTIONS: &str = "executions";
pub const STARTED: &str = "started";
pub const TOKENS: &str = "tokens";
pub const COST_MICROS: &str = "cost_micros";
pub const UNPRICED: &str = "unpriced";
pub const TOOL_CALLS: &str = "tool_calls";
pub const DURATIONS: &str = "durations";
pub const DURATION_MS: &str = "duration_ms";

pub const STATUSES: [&str; 3] = ["success", "failure", "timeout"];

/// `other` are tokens that were reported only as part of a total.
pub const DIRECTIONS: [&str; 5] = ["input", "output", "cache_read", "cache_write", "other"];

/// The upper bounds of the buckets of durations in milliseconds, and their names: from a tool's
/// helper of a tenth of a second to a night's work of eight hours. More would be a series more for
/// each agent type.
pub const BUCKETS: [(u64, &str); 15] = [
    (100, "100"),
    (500, "500"),
    (1_000, "1000"),
    (2_500, "2500"),
    (5_000, "5000"),
    (10_000, "10000"),
    (30_000, "30000"),
    (60_000, "60000"),
    (120_000, "120000"),
    (300_000, "300000"),
    (600_000, "600000"),
    (1_800_000, "1800000"),
    (3_600_000, "3600000"),
    (14_400_000, "14400000"),
    (28_800_000, "28800000"),
];
/// What is longer than the last bound.
pub const BEYOND: &str = "inf";

/// One number. `label` is an agent type or a tool, or empty; `part` is one of the lists above, or
/// empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series<'a> {
    pub name: &'static str,
    pub label: &'a str,
    pub part: &'static str,
}

/// What a run of changes adds to each number; below zero if corrections take more away than the
/// rest adds.
#[derive(Debug, Default, PartialEq)]
pub struct LifetimeCounters<'a>(pub BTreeMap<Series<'a>, i64>);

impl<'a> LifetimeCounters<'a> {
    /// By the names that are tracked on their day; the others count as `_other`.
    pub fn of(
        changes: impl IntoIterator<Item = &'a Change>,
        names: &Names,
    ) -> LifetimeCounters<'a> {
        let mut totals = LifetimeCounters::default();
        for change in changes {
            totals.add(STARTED, "", "", i64::from(change.first));
            for (sign, contribution) in change.moves() {
                totals.add_contribution(sign, &contribution, names);
            }
        }
        totals
    }

    fn add_contribution(&mut self, sign: i64, contribution: &Contribution<'a>, names: &Names) {
        let day = contribution.day(names.zone());
        let agent_type = names.label(NameKind::Type, day, contribution.agent_type);
        let tally = &contribution.tally;
        let outcomes = [
            tally.success_count,
            tally.failure_count,
            tally.timeout_count,
        ];
        for (status, count) in STATUSES.into_iter().zip(outcomes) {
            self.add(EXECUTIONS, agent_type, status, sign * count);
        }
        let directed = tally.input_tokens.saturating_add(tally.output_tokens);
        let tokens = [
            tally.input_tokens,
            tally.output_tokens,
            tally.cache_read_tokens,
            tally.cache_write_tokens,
            tally.total_tokens.saturating_sub(directed).max(0),
        ];
        for (direction, count) in DIRECTIONS.into_iter().zip(tokens) {
            self.add(TOKENS, agent_type, direction, sign * count);
        }
        self.add(COST_MICROS, "", "", sign * tally.cost_micros);
        self.add(UNPRICED, "", "", sign * tally.unpriced_count);
        if let Some(duration_ms) = contribution.duration_ms {
            self.add(DURATIONS, agent_type, bucket(duration_ms), sign);
            self.add(DURATION_MS, agent_type, "", sign * duration_ms as i64);
        }
        for &(tool, calls) in &contribution.tools {
            self.add(
                TOOL_CALLS,
                names.label(NameKind::Tool, day, tool),
                "",
                sign * calls,
            );
        }
    }

    fn add(&mut self, name: &'static str, label: &'a str, part: &'static str, count: i64) {
        if count != 0 {
            let sum = self.0.entry(Series { name, label, part }).or_default();
            add(sum, count);
        }
    }
}

/// The bucket whose bound is the first that is not below.
fn bucket(duration_ms: u64) -> &'static str {
    let reaches = |&&(bound_ms, _): &&(u64, &str)| duration_ms <= bound_ms;
    BUCKETS
        .iter()
        .find(reaches)
        .map_or(BEYOND, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::bucket::Day;
    use crate::execution::{Catalog, Execution, Fact, Origin, Start, Status, Stop, TokenUsage};
    use crate::names::NameLimits;
    use crate::zone::Zone;

    fn stop(agent_type: &str, tool: &str) -> Fact {
        Fact::Stop(Box::new(Stop {
            agent_name: Some("a".to_owned()),
            agent_type: Some(agent_type.to_owned()),
            started_ms: None,
            ended_ms: 1_000_000,
            duration_ms: Some(1_000),
            status: Status::Failure,
            error_details: None,
            tools_used: Vec::new(),
            tool_calls: BTreeMap::from([(tool.to_owned(), 3)]),
            token_usage: Some(TokenUsage {
                input_tokens: 10,
                output_tokens: 5,
                cache_read_tokens: 7,
                total_tokens: 18,
                cost_micros: Some(250),
                ..TokenUsage::default()
            }),
            performance_metrics: None,
            task_metadata: None,
            output_metrics: None,
            origin: Origin::default(),
        }))
    }

    fn change(before: Option<&Arc<Execution>>, fact: Fact) -> Change {
        let mut after = match before {
            Some(before) => Execution::clone(before),
            None => Execution::new("x".to_owned()),
        };
        after.merge(fact, &Catalog::default());
        Change::between(before.cloned(), Arc::new(after), 1, 0)
    }

    fn names() -> Names {
        let limits = NameLimits {
            agents: 1,
            types: 1,
            tools: 1,
        };
        // All ends of these tests are of the first day.
        let day = Day(0);
        let mut names = Names::new(limits, Zone::utc(), day);
        names.track(NameKind::Type, day, "tester");
        names.track(NameKind::Tool, day, "Read");
        names
    }

    fn rows(changes: &[Change]) -> Vec<(&str, &str, &str, i64)> {
        let totals = LifetimeCounters::of(changes, &names());
        let counters = totals.0.into_iter();
        counters
            .map(|(series, count)| (series.name, series.label, series.part, count))
            .collect()
    }

    #[test]
    fn an_execution_adds_what_it_is() {
        let expect = [
            ("cost_micros", "", "", 250),
            ("duration_ms", "tester", "", 1_000),
            ("durations", "tester", "1000", 1),
            ("executions", "tester", "failure", 1),
            ("started", "", "", 1),
            ("tokens", "tester", "cache_read", 7),
            ("tokens", "tester", "input", 10),
            ("tokens", "tester", "other", 3),
            ("tokens", "tester", "output", 5),
            ("tool_calls", "Read", "", 3),
        ];
        assert_eq!(rows(&[change(None, stop("tester", "Read"))]), expect);
        let rare = [change(None, stop("rare", "Weird"))];
        let other = rows(&rare);
        assert!(other.contains(&("executions", "_other", "failure", 1)));
        assert!(other.contains(&("tool_calls", "_other", "", 3)));
    }

    #[test]
    fn a_correction_takes_away_what_was_added_and_starts_nothing() {
        let start = Fact::Start(Box::new(Start {
            agent_name: "a".to_owned(),
            agent_type: Some("tester".to_owned()),
            started_ms: 1,
            task_description: None,
            tools_granted: Vec::new(),
            context_size: None,
            origin: Origin::default(),
        }));
        let started = change(None, start);
        assert_eq!(
            rows(std::slice::from_ref(&started)),
            [("started", "", "", 1)]
        );
        let hung = change(Some(&started.after), Fact::TimedOut { ended_ms: 5 });
        let known_better = [change(Some(&hung.after), stop("tester", "Read"))];
        let rows = rows(&known_better);
        assert!(rows.contains(&("executions", "tester", "timeout", -1)));
        assert!(rows.contains(&("executions", "tester", "failure", 1)));
        assert!(!rows.iter().any(|row| row.0 == "started"));
    }

    #[test]
    fn a_bucket_holds_its_bound() {
        assert_eq!((bucket(0), bucket(100), bucket(101)), ("100", "100", "500"));
        assert_eq!(bucket(28_800_000), "28800000");
        assert_eq!(bucket(28_800_001), "inf");
        assert!(
            BUCKETS
                .iter()
                .all(|(bound, name)| bound.to_string() == *name)
        );
    }
}
