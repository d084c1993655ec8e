//! The results of one agent over the last days.

use std::ops::Range;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::report::Report;
use crate::source::{Sources, View};
use crate::window::{days_are_few, ended_in, is_live, last_days};
use crate::zoned::Zoned;
use agentpulse_api::code::Code;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{AGENT_NAME, InvalidParameter, Params};
use agentpulse_core::bucket::{Day, rfc3339};
use agentpulse_core::execution::{Execution, Status};
use agentpulse_core::names::OTHER;
use agentpulse_core::sketch::Sketch;
use agentpulse_core::tally::{Tally, rounded_mean};
use agentpulse_core::view::AgentDay;
use agentpulse_store::history::Reader;

const SLOWEST: usize = 10;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    agent_name: String,
    days: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Performance {
    pub agent_name: String,
    pub total_executions: i64,
    pub success_rate: f64,
    /// Of the executions whose duration is known; 0 without any.
    pub avg_duration_ms: i64,
    pub performance: Durations,
    pub token_usage: Tokens,
    /// Days that had executions, oldest first.
    pub daily_trend: Vec<Trend>,
    /// The slowest first.
    pub slowest: Vec<Slow>,
    #[serde(flatten)]
    pub zoned: Zoned,
}

/// Null if no duration is known. Percentiles are nearest ranks of a histogram, within 1 %; the ends
/// are exact.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Durations {
    pub p50_duration_ms: Option<u64>,
    pub p95_duration_ms: Option<u64>,
    pub p99_duration_ms: Option<u64>,
    pub min_duration_ms: Option<u64>,
    pub max_duration_ms: Option<u64>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TokenSums")]
pub struct Tokens {
    pub avg_tokens: i64,
    pub total_tokens: i64,
    /// Dollars.
    pub estimated_cost: f64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DayOfAgent")]
pub struct Trend {
    #[schemars(extend("format" = "date"))]
    pub date: String,
    pub executions: i64,
    pub avg_duration_ms: i64,
    pub success_rate: f64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SlowExecution")]
pub struct Slow {
    pub agent_id: String,
    pub duration_ms: u64,
    pub status: Status,
    #[schemars(extend("format" = "date-time"))]
    pub execution_end: String,
}

/// The smallest and the largest duration.
type Ends = (Option<u64>, Option<u64>);

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/performance/{agent_name}";
    const SUMMARY: &'static str = "Percentiles, trend and slowest runs of one agent";
    const CODES: &'static [Code] = &[Code::UnknownAgent];
    type Answer = Performance;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        Ok(Query {
            agent_name: params.item_name(AGENT_NAME)?,
            days: params.days(7)?,
        })
    }
}

impl Report for Query {
    type Built = Performance;

    fn is_scan(&self) -> bool {
        self.agent_name == OTHER || !days_are_few(self.days)
    }

    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
        ended_in(sources.zone(), last_days(self.days, sources.today(now_ms)))
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Performance, View), Error> {
        let agent_name = &self.agent_name;
        let today = sources.today(now_ms);
        let (from, to) = last_days(self.days, today);
        let (rows, view) = rows(sources, agent_name, from, to).await?;
        if rows.is_empty() && !sources.is_known(agent_name).await? {
            return Err(Error::UnknownAgent(agent_name.clone()));
        }
        let agent = sources.agent(agent_name);
        let ask = move |reader: &Reader| agent.slowest(reader, (from, to), SLOWEST);
        let slowest = sources.history(ask).await?;
        Ok((
            build(agent_name, rows, &slowest, sources.zoned(now_ms)),
            view,
        ))
    }
}

async fn rows(
    sources: &Sources,
    agent_name: &str,
    from: Day,
    to: Day,
) -> Result<(Vec<AgentDay>, View), Error> {
    let agent = sources.agent(agent_name);
    let agent_there = agent.clone();
    let history = move |reader: &Reader| agent_there.days(reader, from, to);
    if !is_live(from, to) || !sources.is_live_by_name(agent_name, from, to) {
        return Ok((sources.history(history).await?, View::History));
    }
    let live = async {
        let found = sources.live.agent_days(agent_name, from, to).await?;
        Ok((found.days, found.extremes_from_history))
    };
    let history = move |reader: &Reader| Ok((history(reader)?, Vec::new()));
    let ((mut days, lost), view) = sources.either(live, history).await?;
    if let Some(&first) = lost.iter().min() {
        let ask = move |reader: &Reader| agent.days(reader, first, to);
        take_ends(&mut days, &lost, &sources.history(ask).await?);
    }
    Ok((days, view))
}

/// The live view does not know the extremes of a day from which a duration was removed.
fn take_ends(days: &mut [AgentDay], lost: &[Day], exact: &[AgentDay]) {
    for row in days.iter_mut().filter(|row| lost.contains(&row.day)) {
        if let Some(exact) = exact.iter().find(|exact| exact.day == row.day) {
            row.min_duration_ms = exact.min_duration_ms;
            row.max_duration_ms = exact.max_duration_ms;
        }
    }
}

fn ends_of(rows: &[AgentDay]) -> Ends {
    let min_ms = rows.iter().filter_map(|row| row.min_duration_ms).min();
    let max_ms = rows.iter().filter_map(|row| row.max_duration_ms).max();
    (min_ms, max_ms)
}

pub fn build(
    agent_name: &str,
    mut rows: Vec<AgentDay>,
    slowest: &[Arc<Execution>],
    zoned: Zoned,
) -> Performance {
    rows.retain(|row| row.tally.execution_count > 0);
    rows.sort_by_key(|row| row.day);
    let (mut tally, mut sketch) = (Tally::default(), Sketch::default());
    for row in &rows {
        tally += row.tally;
        sketch.merge(&row.sketch);
    }
    Performance {
        agent_name: agent_name.to_owned(),
        total_executions: tally.execution_count,
        success_rate: tally.success_rate(),
        avg_duration_ms: tally.avg_duration_ms(),
        performance: durations(&sketch, ends_of(&rows)),
        token_usage: Tokens {
            avg_tokens: rounded_mean(tally.total_tokens, tally.execution_count),
            total_tokens: tally.total_tokens,
            estimated_cost: tally.cost(),
        },
        daily_trend: rows.iter().map(trend).collect(),
        slowest: slowest.iter().filter_map(|slow| Slow::of(slow)).collect(),
        zoned,
    }
}

/// A percentile is the middle of a bucket of the histogram, which may lie beyond the exact ends.
fn durations(sketch: &Sketch, (min_ms, max_ms): Ends) -> Durations {
    let quantile = |quantile| {
        let found = sketch.quantile_ms(quantile)?;
        let found = min_ms.map_or(found, |min_ms| found.max(min_ms));
        Some(max_ms.map_or(found, |max_ms| found.min(max_ms)))
    };
    Durations {
        p50_duration_ms: quantile(0.50),
        p95_duration_ms: quantile(0.95),
        p99_duration_ms: quantile(0.99),
        min_duration_ms: min_ms,
        max_duration_ms: max_ms,
    }
}

fn trend(row: &AgentDay) -> Trend {
    Trend {
        date: row.day.to_string(),
        executions: row.tally.execution_count,
        avg_duration_ms: row.tally.avg_duration_ms(),
        success_rate: row.tally.success_rate(),
    }
}

impl Slow {
    /// Returns None for an execution whose duration is not known.
    fn of(execution: &Execution) -> Option<Slow> {
        let outcome = execution.outcome()?;
        Some(Slow {
            agent_id: execution.id.clone(),
            duration_ms: outcome.duration_ms?,
            status: outcome.status,
            execution_end: rfc3339(outcome.ended_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::samples::stopped;

    fn day(day: i32, successes: i64, durations_ms: &[u64]) -> AgentDay {
        let count = durations_ms.len() as i64;
        AgentDay {
            day: Day(day),
            agent_name: "a".to_owned(),
            tally: Tally {
                execution_count: count,
                success_count: successes,
                duration_count: count,
                total_duration_ms: durations_ms.iter().sum::<u64>() as i64,
                total_tokens: 1_000 * count,
                cost_micros: 500 * count,
                ..Tally::default()
            },
            sketch: durations_ms.iter().map(|&ms| (ms, 1)).collect(),
            min_duration_ms: durations_ms.iter().min().copied(),
            max_duration_ms: durations_ms.iter().max().copied(),
        }
    }

    #[test]
    fn days_merge_into_one_picture() {
        let rows = vec![day(3, 1, &[40, 10]), day(1, 2, &[20, 30]), day(2, 0, &[])];
        let slowest = [Arc::new(stopped("x", 1_000, Some(40)))];
        let expect = json!({
            "agent_name": "a", "total_executions": 4, "success_rate": 0.75,
            "avg_duration_ms": 25, "performance": {
                "p50_duration_ms": 20, "p95_duration_ms": 40, "p99_duration_ms": 40,
                "min_duration_ms": 10, "max_duration_ms": 40,
            },
            "token_usage": {"avg_tokens": 1000, "total_tokens": 4000, "estimated_cost": 0.002},
            "daily_trend": [
                {
                    "date": "1970-01-02", "executions": 2, "avg_duration_ms": 25,
                    "success_rate": 1.0,
                },
                {
                    "date": "1970-01-04", "executions": 2, "avg_duration_ms": 25,
                    "success_rate": 0.5,
                },
            ],
            "today": "1970-01-01", "time_zone": "UTC", "time_zone_since": null,
            "slowest": [{
                "agent_id": "x", "duration_ms": 40, "status": "success",
                "execution_end": "1970-01-01T00:00:01.000Z",
            }],
        });
        let performance = build("a", rows, &slowest, Zoned::utc());
        assert_eq!(serde_json::to_value(performance).unwrap(), expect);
    }

    #[test]
    fn a_percentile_never_lies_beyond_the_exact_ends() {
        // The bucket of both begins at 12,288 and ends at 12,351; its middle is 12,320.
        for duration_ms in [12_300, 12_345] {
            let rows = vec![day(1, 1, &[duration_ms])];
            let performance = build("a", rows, &[], Zoned::utc()).performance;
            assert_eq!(performance.p50_duration_ms, Some(duration_ms));
            assert_eq!(performance.p99_duration_ms, Some(duration_ms));
        }
        let sketch = Sketch::from_iter([(12_300, 1)]);
        assert_eq!(
            durations(&sketch, (None, None)).p50_duration_ms,
            Some(12_320)
        );
    }

    #[test]
    fn ends_that_live_lost_are_those_of_history() {
        let mut days = [day(1, 1, &[10, 50]), day(2, 1, &[])];
        // A run of 90 ms was taken away from day 2.
        days[1].tally.execution_count = 1;
        take_ends(
            &mut days,
            &[Day(2)],
            &[day(1, 1, &[7]), day(2, 1, &[20, 60])],
        );
        assert_eq!(ends_of(&days), (Some(10), Some(60)));
    }

    #[test]
    fn without_durations_there_are_no_percentiles() {
        let mut row = day(1, 0, &[]);
        row.tally.execution_count = 2;
        row.tally.timeout_count = 2;
        let unknown = stopped("x", 1_000, None);
        let performance = build("a", vec![row], &[Arc::new(unknown)], Zoned::utc());
        let nothing = Durations {
            p50_duration_ms: None,
            p95_duration_ms: None,
            p99_duration_ms: None,
            min_duration_ms: None,
            max_duration_ms: None,
        };
        assert_eq!(performance.performance, nothing);
        assert_eq!(
            (performance.total_executions, performance.avg_duration_ms),
            (2, 0)
        );
        assert_eq!(performance.daily_trend[0].avg_duration_ms, 0);
        assert_eq!(performance.slowest, []);
    }
}
