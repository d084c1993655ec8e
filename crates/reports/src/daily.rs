//! A row a day.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::report::Report;
use crate::source::{Relabel, Sources, View};
use crate::window::{days_are_few, is_live, last_days};
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Params};
use agentpulse_core::bucket::{Day, Hour};
use agentpulse_core::view::{DayTally, HourTally};
use agentpulse_store::history::Reader;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    days: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Daily {
    /// Days that had executions, oldest first.
    pub daily: Vec<DailyRow>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DailyRow {
    #[schemars(extend("format" = "date"))]
    pub date: String,
    pub total_executions: i64,
    pub success_rate: f64,
    /// By name.
    pub agent_types: Vec<String>,
    /// The hour of the day with most executions, the earliest if two have as many.
    pub peak_hour: Option<i32>,
    pub total_tokens: i64,
    /// Dollars.
    pub total_cost: f64,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/metrics/daily";
    const SUMMARY: &'static str = "A row a day that had executions, oldest first";
    type Answer = Daily;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let days = params.days(7)?;
        Ok(Query { days })
    }
}

impl Report for Query {
    type Built = Daily;

    fn is_scan(&self) -> bool {
        !days_are_few(self.days)
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Daily, View), Error> {
        let (from, to) = last_days(self.days, now_ms);
        let (first, last) = (from.first_hour(), Hour(to.first_hour().0 + 23));
        let live = async {
            tokio::try_join!(sources.live.days(from, to), sources.live.hours(first, last))
        };
        let tracked_names = sources.tracked_names();
        let history = move |reader: &Reader| {
            let hours = reader.relabelled_hours(first, last, &tracked_names())?;
            Ok((reader.days(from, to)?, hours))
        };
        let ((days, mut hours), view) = if is_live(from, now_ms) {
            sources.either(live, history).await?
        } else {
            (sources.history(history).await?, View::History)
        };
        hours.relabel(&sources.names());
        Ok((build(&days, &hours), view))
    }
}

pub fn build(days: &[DayTally], hours: &[HourTally]) -> Daily {
    let mut hours_of: BTreeMap<Day, Vec<&HourTally>> = BTreeMap::new();
    for row in hours.iter().filter(|row| row.tally.execution_count > 0) {
        hours_of.entry(row.hour.day()).or_default().push(row);
    }
    let mut days: Vec<&DayTally> = days
        .iter()
        .filter(|row| row.tally.execution_count > 0)
        .collect();
    days.sort_by_key(|row| row.day);
    let daily = days.into_iter().map(|row| {
        let hours = hours_of.remove(&row.day).unwrap_or_default();
        let types: BTreeSet<&str> = hours.iter().map(|row| row.agent_type.as_str()).collect();
        DailyRow {
            date: row.day.to_string(),
            total_executions: row.tally.execution_count,
            success_rate: row.tally.success_rate(),
            agent_types: types.into_iter().map(str::to_owned).collect(),
            peak_hour: peak_hour(&hours),
            total_tokens: row.tally.total_tokens,
            total_cost: row.tally.cost(),
        }
    });
    Daily {
        daily: daily.collect(),
    }
}

fn peak_hour(hours: &[&HourTally]) -> Option<i32> {
    let mut counts: BTreeMap<i32, i64> = BTreeMap::new();
    for row in hours {
        *counts.entry(row.hour.of_day()).or_default() += row.tally.execution_count;
    }
    // Of equals `max_by_key` takes the last.
    let peak = counts.into_iter().rev().max_by_key(|&(_, count)| count);
    peak.map(|(hour, _)| hour)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use agentpulse_core::tally::Tally;

    fn tally(count: i64, successes: i64, tokens: i64, cost_micros: i64) -> Tally {
        Tally {
            execution_count: count,
            success_count: successes,
            total_tokens: tokens,
            cost_micros,
            ..Tally::default()
        }
    }

    #[test]
    fn a_row_a_day_that_had_executions() {
        let day = |day, tally| DayTally {
            day: Day(day),
            tally,
        };
        let hour = |hour, agent_type: &str, count| HourTally {
            hour: Hour(hour),
            agent_type: agent_type.to_owned(),
            tally: tally(count, 0, 0, 0),
        };
        let days = [
            day(2, tally(5, 4, 1_000, 2_500_000)),
            day(1, tally(3, 3, 10, 0)),
            day(3, tally(0, 0, 0, 0)),
        ];
        let hours = [
            hour(48 + 9, "tester", 1),
            hour(48 + 9, "analyzer", 1),
            hour(48 + 7, "tester", 2),
            hour(48 + 20, "writer", 1),
            hour(48 + 21, "gone", 0),
        ];
        let expect = json!({"daily": [
            {
                "date": "1970-01-02", "total_executions": 3, "success_rate": 1.0,
                "agent_types": [], "peak_hour": null, "total_tokens": 10, "total_cost": 0.0,
            },
            {
                "date": "1970-01-03", "total_executions": 5, "success_rate": 0.8,
                "agent_types": ["analyzer", "tester", "writer"], "peak_hour": 7,
                "total_tokens": 1000, "total_cost": 2.5,
            },
        ]});
        assert_eq!(serde_json::to_value(build(&days, &hours)).unwrap(), expect);
    }
}
