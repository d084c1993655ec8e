//! Executions by the hour in which they ended.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::report::Report;
use crate::source::{Relabel, Sources, View};
use crate::window::{hours_are_live, last_hours};
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Params};
use agentpulse_core::bucket::{Hour, rfc3339_seconds};
use agentpulse_core::tally::Tally;
use agentpulse_core::view::HourTally;
use agentpulse_store::history::Reader;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    hours: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    pub timeline: Vec<Point>,
}

/// One hour.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TimelinePoint")]
pub struct Point {
    /// Its beginning.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    pub executions: i64,
    pub avg_duration_ms: i64,
    pub success_rate: f64,
    /// The type with most executions, by name if two have as many.
    pub dominant_agent_type: Option<String>,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/metrics/timeline";
    const SUMMARY: &'static str = "A point an hour, oldest first";
    type Answer = Timeline;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let hours = params.hours(24)?;
        Ok(Query { hours })
    }
}

impl Report for Query {
    type Built = Timeline;

    fn is_scan(&self) -> bool {
        !hours_are_live(self.hours)
    }

    fn ended_ms(&self, _: &Sources, now_ms: i64) -> Range<i64> {
        last_hours(self.hours, now_ms).0.start_ms()..i64::MAX
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Timeline, View), Error> {
        let (from, to) = last_hours(self.hours, now_ms);
        let tracked_names = sources.tracked_names();
        let history = move |reader: &Reader| reader.relabelled_hours(from, to, &tracked_names());
        let (mut rows, view) = if hours_are_live(self.hours) {
            let live = sources.live.hours(from, to);
            sources.either(live, history).await?
        } else {
            (sources.history(history).await?, View::History)
        };
        rows.relabel(&sources.names());
        Ok((build(&rows, from, to), view))
    }
}

/// A point an hour, oldest first, also of hours without executions.
pub fn build(rows: &[HourTally], from: Hour, to: Hour) -> Timeline {
    let mut hours: BTreeMap<Hour, BTreeMap<&str, Tally>> = BTreeMap::new();
    for row in rows {
        let types = hours.entry(row.hour).or_default();
        *types.entry(&row.agent_type).or_default() += row.tally;
    }
    let none = BTreeMap::new();
    let timeline = from
        .to(to)
        .map(|hour| point(hour, hours.get(&hour).unwrap_or(&none)))
        .collect();
    Timeline { timeline }
}

fn point(hour: Hour, types: &BTreeMap<&str, Tally>) -> Point {
    let mut tally = Tally::default();
    let mut dominant: Option<(&str, i64)> = None;
    for (agent_type, of_type) in types {
        tally += *of_type;
        let count = of_type.execution_count;
        if count > dominant.map_or(0, |(_, most)| most) {
            dominant = Some((agent_type, count));
        }
    }
    Point {
        timestamp: rfc3339_seconds(hour.start_ms()),
        executions: tally.execution_count,
        avg_duration_ms: tally.avg_duration_ms(),
        success_rate: tally.success_rate(),
        dominant_agent_type: dominant.map(|(agent_type, _)| agent_type.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::samples::hour_tally;

    #[test]
    fn every_hour_is_a_point_and_the_type_with_most_executions_dominates() {
        let rows = [
            hour_tally(24, "tester", 1, 0, 50),
            hour_tally(24, "_other", 1, 1, 100),
            hour_tally(24, "_other", 1, 1, 150),
            hour_tally(26, "writer", 2, 1, 7),
            hour_tally(26, "analyzer", 2, 1, 8),
        ];
        let timeline = build(&rows, Hour(24), Hour(26));
        let expect = json!({"timeline": [
            {
                "timestamp": "1970-01-02T00:00:00Z", "executions": 3, "avg_duration_ms": 100,
                "success_rate": 0.6667, "dominant_agent_type": "_other",
            },
            {
                "timestamp": "1970-01-02T01:00:00Z", "executions": 0, "avg_duration_ms": 0,
                "success_rate": 0.0, "dominant_agent_type": null,
            },
            {
                "timestamp": "1970-01-02T02:00:00Z", "executions": 4, "avg_duration_ms": 4,
                "success_rate": 0.5, "dominant_agent_type": "analyzer",
            },
        ]});
        assert_eq!(serde_json::to_value(timeline).unwrap(), expect);
    }
}
