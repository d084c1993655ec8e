//! Executions by the hour in which they ended, or by the minute or the day.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::report::Report;
use crate::source::{Relabel, Sources, View};
use crate::window::{ended_in, hours_are_live, last_days, last_hours};
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Param, Params};
use agentpulse_core::bucket::{Day, HOUR_MS, Hour, MINUTE_MS, rfc3339_seconds};
use agentpulse_core::sum;
use agentpulse_core::tally::Tally;
use agentpulse_store::history::Reader;

/// By minutes executions are read one by one: of the last hours alone.
const MAX_HOURS_OF_MINUTES: i32 = 24;
const MAX_HOURS_OF_FIVE_MINUTES: i32 = 168;

const RESOLUTION: Param = Param::new("resolution", "What a point stands for; the default is 1h.");
const CHOICES: [(&str, Resolution); 4] = [
    ("1m", Resolution::Minute),
    ("5m", Resolution::FiveMinutes),
    ("1h", Resolution::Hour),
    ("1d", Resolution::Day),
];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    hours: i32,
    resolution: Resolution,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Resolution {
    Minute,
    FiveMinutes,
    Hour,
    /// Of the zone.
    Day,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// Oldest first, also those without executions. The last is not over.
    pub timeline: Vec<Point>,
}

/// A minute, five, an hour or a day.
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

/// What ended in the time of one point.
#[derive(Default)]
struct Ended {
    tally: Tally,
    by_type: BTreeMap<String, i64>,
}

/// By the beginnings of the points, in UTC's milliseconds.
type Points = BTreeMap<i64, Ended>;

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/metrics/timeline";
    const SUMMARY: &'static str = "A point a minute, five, an hour or a day, oldest first";
    type Answer = Timeline;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let (hours, resolution) = (params.hours(24)?, params.choice(RESOLUTION, &CHOICES)?);
        let resolution = resolution.unwrap_or(Resolution::Hour);
        let (most, name) = match resolution {
            Resolution::Minute => (MAX_HOURS_OF_MINUTES, "1m"),
            Resolution::FiveMinutes => (MAX_HOURS_OF_FIVE_MINUTES, "5m"),
            Resolution::Hour | Resolution::Day => return Ok(Query { hours, resolution }),
        };
        if hours > most {
            let must = format!("hours must be 1..={most} at a resolution of {name}");
            return Err(InvalidParameter(must));
        }
        Ok(Query { hours, resolution })
    }
}

impl Report for Query {
    type Built = Timeline;

    fn is_scan(&self) -> bool {
        match self.resolution {
            Resolution::Minute | Resolution::FiveMinutes => true,
            Resolution::Hour => !hours_are_live(self.hours),
            Resolution::Day => false,
        }
    }

    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
        match self.resolution {
            Resolution::Day => ended_in(sources.zone(), self.days(sources.today(now_ms))),
            _ => last_hours(self.hours, now_ms).0.start_ms()..i64::MAX,
        }
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Timeline, View), Error> {
        let (points, view) = match self.resolution {
            Resolution::Minute => self.minutes(sources, MINUTE_MS, now_ms).await?,
            Resolution::FiveMinutes => self.minutes(sources, 5 * MINUTE_MS, now_ms).await?,
            Resolution::Hour => self.hours(sources, now_ms).await?,
            Resolution::Day => self.each_day(sources, now_ms).await?,
        };
        Ok((build(&points), view))
    }
}

impl Query {
    fn days(&self, today: Day) -> (Day, Day) {
        last_days((self.hours + 23) / 24, today)
    }

    async fn minutes(
        &self,
        sources: &Sources,
        width_ms: i64,
        now_ms: i64,
    ) -> Result<(Points, View), Error> {
        // The one that is not over is the last.
        let last_ms = now_ms.div_euclid(width_ms) * width_ms;
        let first_ms = last_ms + width_ms - i64::from(self.hours) * HOUR_MS;
        let ended_ms = first_ms..last_ms + width_ms;
        let starts = ended_ms.clone().step_by(width_ms as usize);
        let tracked_names = sources.tracked_names();
        let ask = move |reader: &Reader| reader.moments(ended_ms, width_ms, &tracked_names());
        let mut points = empty(starts);
        for ((start_ms, agent_type), tally) in sources.history(ask).await? {
            add(&mut points, start_ms, &agent_type, tally);
        }
        Ok((points, View::History))
    }

    async fn hours(&self, sources: &Sources, now_ms: i64) -> Result<(Points, View), Error> {
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
        let mut points = empty(from.to(to).map(Hour::start_ms));
        for row in &rows {
            add(&mut points, row.hour.start_ms(), &row.agent_type, row.tally);
        }
        Ok((points, view))
    }

    async fn each_day(&self, sources: &Sources, now_ms: i64) -> Result<(Points, View), Error> {
        let (from, to) = self.days(sources.today(now_ms));
        let tracked_names = sources.tracked_names();
        let ask = move |reader: &Reader| {
            let parts = reader.relabelled_day_parts(from, to, &tracked_names())?;
            Ok((reader.days(from, to)?, parts))
        };
        let (days, parts) = sources.history(ask).await?;
        let zone = sources.zone();
        let mut points = empty(from.to(to).map(|day| zone.start_ms(day)));
        for row in days {
            let point = points.entry(zone.start_ms(row.day)).or_default();
            point.tally = row.tally;
        }
        for row in parts {
            let point = points.entry(zone.start_ms(row.day)).or_default();
            point.by_type = row.by_type;
        }
        Ok((points, View::History))
    }
}

fn empty(starts: impl Iterator<Item = i64>) -> Points {
    starts
        .map(|start_ms| (start_ms, Ended::default()))
        .collect()
}

fn add(points: &mut Points, start_ms: i64, agent_type: &str, tally: Tally) {
    let point = points.entry(start_ms).or_default();
    point.tally += tally;
    let count = point.by_type.entry(agent_type.to_owned()).or_default();
    sum::add(count, tally.execution_count);
}

fn build(points: &Points) -> Timeline {
    let timeline = points.iter().map(|(&start_ms, ended)| Point {
        timestamp: rfc3339_seconds(start_ms),
        executions: ended.tally.execution_count,
        avg_duration_ms: ended.tally.avg_duration_ms(),
        success_rate: ended.tally.success_rate(),
        dominant_agent_type: dominant(&ended.by_type),
    });
    Timeline {
        timeline: timeline.collect(),
    }
}

fn dominant(by_type: &BTreeMap<String, i64>) -> Option<String> {
    let counted = by_type.iter().filter(|&(_, &count)| count > 0);
    let most = counted.max_by_key(|&(name, &count)| (count, Reverse(name)));
    most.map(|(agent_type, _)| agent_type.clone())
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
        let mut points = empty(Hour(24).to(Hour(26)).map(Hour::start_ms));
        for row in &rows {
            add(&mut points, row.hour.start_ms(), &row.agent_type, row.tally);
        }
        let timeline = build(&points);
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

    #[test]
    fn so_many_points_are_a_bound() {
        let parsed = |query| Query::parse(&Params::of(Some(query), None));
        let expected = |hours, resolution| Ok(Query { hours, resolution });
        assert_eq!(parsed(""), expected(24, Resolution::Hour));
        assert_eq!(
            parsed("resolution=1d&timeRange=30d"),
            expected(720, Resolution::Day)
        );
        assert_eq!(parsed("resolution=1m"), expected(24, Resolution::Minute));
        let refused = |query| parsed(query).unwrap_err().to_string();
        assert_eq!(
            refused("resolution=1m&hours=25"),
            "hours must be 1..=24 at a resolution of 1m"
        );
        assert_eq!(
            refused("resolution=5m&timeRange=30d"),
            "hours must be 1..=168 at a resolution of 5m"
        );
        assert_eq!(
            refused("resolution=2m"),
            "resolution must be one of 1m, 5m, 1h, 1d"
        );
    }
}
