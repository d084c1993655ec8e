//! The current state: running executions, and those that ended today or in the last hours.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::active::Running;
use crate::by_kind::ByKind;
use crate::error::Error;
use crate::report::Report;
use crate::source::{Sources, View};
use crate::window::{ended_in, hours_are_live, last_days, last_hours};
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Params};
use agentpulse_core::bucket::Day;
use agentpulse_core::json::json_bytes;
use agentpulse_core::tally::Tally;
use agentpulse_core::view::{Active, HourTally};
use agentpulse_live as live;
use agentpulse_pipeline::running::RunSnapshot;
use agentpulse_store::history::{self, Reader};

/// Running executions that are shown one by one, the oldest; the number counts all.
const MAX_DETAILS: usize = 1_000;
/// Their size in bytes.
const MAX_DETAILS_BYTES: usize = 256 << 10;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    /// Instead of today.
    hours: Option<i32>,
}

/// `…_today` is the day `date`, or the requested hours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CurrentMetrics")]
pub struct Current {
    #[serde(flatten)]
    pub totals: Totals,
    /// The oldest, at most 1,000 of them and 256 KiB.
    pub active_agent_details: Vec<Running>,
}

/// The same without the executions that run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// The day that is not over.
    #[schemars(extend("format" = "date"))]
    pub date: String,
    pub active_agents: u64,
    pub executions_today: i64,
    pub success_rate: f64,
    pub avg_duration_ms: i64,
    pub tokens_used_today: i64,
    /// Dollars.
    pub estimated_cost_today: f64,
    /// The day, by what ran. It comes from the history, up to `history.flush_interval` after the rest;
    /// null for hours, and while the history does not answer.
    #[serde(default)]
    pub by_kind: Option<ByKind>,
}

struct Rows {
    running: u64,
    tally: Tally,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/metrics/current";
    const SUMMARY: &'static str = "What runs now; totals of today, or of a window";
    type Answer = Current;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let hours = params.time_range()?;
        Ok(Query { hours })
    }
}

impl Report for Query {
    type Built = Current;

    fn is_scan(&self) -> bool {
        self.hours.is_some_and(|hours| !hours_are_live(hours))
    }

    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
        let of_today = || ended_in(sources.zone(), last_days(1, sources.today(now_ms)));
        let of_hours = |hours| last_hours(hours, now_ms).0.start_ms()..i64::MAX;
        self.hours.map_or_else(of_today, of_hours)
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Current, View), Error> {
        let (totals, view) = self.totals(sources, now_ms).await?;
        let (shown, _) = sources.running().0.page(sources.only(), None, MAX_DETAILS);
        let details = shown.iter().map(RunSnapshot::active);
        Ok((build(totals, details, now_ms), view))
    }
}

impl Query {
    pub const TODAY: Query = Query { hours: None };

    pub async fn totals(&self, sources: &Sources, now_ms: i64) -> Result<(Totals, View), Error> {
        let hours = self.hours;
        let live = from_live(sources, hours, now_ms);
        let history = move |reader: &Reader| from_history(reader, hours, now_ms);
        let (rows, view) = if hours.is_none_or(hours_are_live) {
            sources.either(live, history).await?
        } else {
            (sources.history(history).await?, View::History)
        };
        let today = sources.today(now_ms);
        let mut totals = Totals::of(today, rows.running, &rows.tally);
        if hours.is_none() {
            let by_kind = sources.history(move |reader| ByKind::of(reader, today));
            totals.by_kind = by_kind.await.ok();
        }
        Ok((totals, view))
    }
}

async fn from_live(
    sources: &Sources,
    hours: Option<i32>,
    now_ms: i64,
) -> Result<Rows, live::Error> {
    let current = sources.live.current(sources.today(now_ms));
    let (current, tally) = match hours {
        None => (current.await?, None),
        Some(hours) => {
            let (from, to) = last_hours(hours, now_ms);
            let (current, rows) = tokio::try_join!(current, sources.live.hours(from, to))?;
            (current, Some(sum(&rows)))
        }
    };
    Ok(Rows {
        running: current.running,
        tally: tally.unwrap_or(current.today),
    })
}

fn from_history(reader: &Reader, hours: Option<i32>, now_ms: i64) -> Result<Rows, history::Error> {
    let tally = match hours {
        None => {
            let today = reader.zone().day_of(now_ms);
            let rows = reader.days(today, today)?;
            rows.first().map(|row| row.tally).unwrap_or_default()
        }
        Some(hours) => {
            let (from, to) = last_hours(hours, now_ms);
            let mut tally = Tally::default();
            reader.each_hour(from, to, |row| tally += row.tally)?;
            tally
        }
    };
    Ok(Rows {
        running: reader.running_count()?,
        tally,
    })
}

fn sum(rows: &[HourTally]) -> Tally {
    let mut sum = Tally::default();
    for row in rows {
        sum += row.tally;
    }
    sum
}

impl Totals {
    pub fn of(today: Day, active: u64, tally: &Tally) -> Totals {
        Totals {
            date: today.to_string(),
            active_agents: active,
            executions_today: tally.execution_count,
            success_rate: tally.success_rate(),
            avg_duration_ms: tally.avg_duration_ms(),
            tokens_used_today: tally.total_tokens,
            estimated_cost_today: tally.cost(),
            by_kind: None,
        }
    }
}

/// The details come oldest first.
pub fn build(totals: Totals, details: impl Iterator<Item = Active>, now_ms: i64) -> Current {
    let mut bytes = 0;
    let details = details.map(|active| Running::of(active, now_ms));
    let details = details.take_while(|running| {
        bytes += json_bytes(running) + ",".len();
        bytes <= MAX_DETAILS_BYTES
    });
    Current {
        totals,
        active_agent_details: details.collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::samples::active;
    use agentpulse_core::bucket::Hour;

    #[test]
    fn a_window_is_asked_for_in_hours() {
        let hours = |query| Query::parse(&Params::of(Some(query), None)).map(|query| query.hours);
        assert_eq!(
            ["", "timeRange=1h", "timeRange=7d"].map(hours),
            [Ok(None), Ok(Some(1)), Ok(Some(168))]
        );
    }

    #[test]
    fn the_picture_of_now() {
        let tally = Tally {
            execution_count: 3,
            success_count: 2,
            failure_count: 1,
            duration_count: 2,
            total_duration_ms: 2_001,
            total_tokens: 4_800,
            cost_micros: 7_600,
            ..Tally::default()
        };
        let mut later = active("late", 9_500);
        later.progress = Some(0.45);
        let details = [active("early", 9_000), later].into_iter();
        let current = build(Totals::of(Day(0), 2, &tally), details, 10_234);
        let expect = json!({
            "date": "1970-01-01", "active_agents": 2, "executions_today": 3, "success_rate": 0.6667,
            "avg_duration_ms": 1001, "tokens_used_today": 4800, "estimated_cost_today": 0.0076,
            "by_kind": null,
            "active_agent_details": [
                {
                    "agent_id": "early", "agent_name": "a", "status": "running",
                    "duration_so_far_ms": 1234, "progress": null,
                },
                {
                    "agent_id": "late", "agent_name": "a", "status": "running",
                    "duration_so_far_ms": 734, "progress": 0.45,
                },
            ],
        });
        assert_eq!(serde_json::to_value(current).unwrap(), expect);
    }

    #[test]
    fn when_nothing_ran_every_number_is_zero() {
        let current = build(
            Totals::of(Day(1), 0, &Tally::default()),
            std::iter::empty(),
            0,
        );
        let expect = json!({
            "date": "1970-01-02", "active_agents": 0, "executions_today": 0, "success_rate": 0.0, "avg_duration_ms": 0,
            "tokens_used_today": 0, "estimated_cost_today": 0.0, "by_kind": null,
            "active_agent_details": [],
        });
        assert_eq!(serde_json::to_value(current).unwrap(), expect);
    }

    #[test]
    fn all_that_runs_counts_and_what_fits_is_shown() {
        let named = |i: i64| active(&format!("x{i:0>255}"), i);
        let totals = Totals::of(Day(0), 900, &Tally::default());
        let current = build(totals, (0..900).map(named), 9_999);
        assert_eq!(current.totals.active_agents, 900);
        let shown = &current.active_agent_details;
        let one = json_bytes(&shown[0]) + 1;
        assert_eq!(shown.len(), MAX_DETAILS_BYTES / one);
        assert!(shown.len() > 600 && shown[0].agent_id.ends_with("00"));
    }

    #[test]
    fn a_window_of_hours_is_the_sum_of_their_rows() {
        let row = |hour, count| HourTally {
            hour: Hour(hour),
            agent_type: "generic".to_owned(),
            tally: Tally {
                execution_count: count,
                ..Tally::default()
            },
        };
        assert_eq!(sum(&[row(1, 2), row(1, 3), row(2, 4)]).execution_count, 9);
    }
}
