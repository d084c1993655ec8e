//! A row a day.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::report::Report;
use crate::source::{Relabel, Sources, View};
use crate::window::{days_are_few, ended_in, is_live, last_days};
use crate::zoned::Zoned;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Params};
use agentpulse_core::bucket::Day;
use agentpulse_core::view::{DayParts, DayTally, HourTally};
use agentpulse_core::zone::Zone;
use agentpulse_store::history::Reader;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    days: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Daily {
    /// Days that had executions, oldest first.
    pub daily: Vec<DailyRow>,
    #[serde(flatten)]
    pub zoned: Zoned,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DailyRow {
    #[schemars(extend("format" = "date"))]
    pub date: String,
    pub total_executions: i64,
    pub success_rate: f64,
    /// By name.
    pub agent_types: Vec<String>,
    /// The hour on the clock with most executions, the earliest if two have as many.
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

    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
        ended_in(sources.zone(), last_days(self.days, sources.today(now_ms)))
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Daily, View), Error> {
        let (zone, today) = (sources.zone(), sources.today(now_ms));
        let (from, to) = last_days(self.days, today);
        let (first, last) = (zone.hours_of(from).0, zone.hours_of(to).1);
        let live = async {
            let (days, mut hours) =
                tokio::try_join!(sources.live.days(from, to), sources.live.hours(first, last))?;
            hours.relabel(&sources.names());
            Ok((days, parts(zone, &hours)))
        };
        let tracked_names = sources.tracked_names();
        let history = move |reader: &Reader| {
            let parts = reader.relabelled_day_parts(from, to, &tracked_names())?;
            Ok((reader.days(from, to)?, parts))
        };
        let ((days, parts), view) = if is_live(from, today) && zone.has_whole_hours(from, to) {
            sources.either(live, history).await?
        } else {
            (sources.history(history).await?, View::History)
        };
        Ok((build(&days, parts, sources.zoned(now_ms)), view))
    }
}

/// Of hours that each lie in one day.
fn parts(zone: &Zone, hours: &[HourTally]) -> Vec<DayParts> {
    let mut days: BTreeMap<Day, DayParts> = BTreeMap::new();
    for row in hours {
        let day = zone.day_of_hour(row.hour);
        let parts = days.entry(day).or_insert_with(|| DayParts::none(day));
        let clock_hour = zone.clock_hour(row.hour.start_ms());
        parts.add(clock_hour, &row.agent_type, row.tally.execution_count);
    }
    days.into_values().collect()
}

pub fn build(days: &[DayTally], parts: Vec<DayParts>, zoned: Zoned) -> Daily {
    let parts = parts.into_iter().map(|parts| (parts.day, parts));
    let mut parts: BTreeMap<Day, DayParts> = parts.collect();
    let mut days: Vec<&DayTally> = days
        .iter()
        .filter(|row| row.tally.execution_count > 0)
        .collect();
    days.sort_by_key(|row| row.day);
    let daily = days.into_iter().map(|row| {
        let parts = parts.remove(&row.day);
        let parts = parts.unwrap_or_else(|| DayParts::none(row.day));
        let types = parts.by_type.iter().filter(|&(_, &count)| count > 0);
        DailyRow {
            date: row.day.to_string(),
            total_executions: row.tally.execution_count,
            success_rate: row.tally.success_rate(),
            agent_types: types.map(|(name, _)| name.clone()).collect(),
            peak_hour: peak_hour(&parts),
            total_tokens: row.tally.total_tokens,
            total_cost: row.tally.cost(),
        }
    });
    Daily {
        daily: daily.collect(),
        zoned,
    }
}

fn peak_hour(parts: &DayParts) -> Option<i32> {
    let hours = parts.by_hour.iter().filter(|&(_, &count)| count > 0);
    // Of equals `max_by_key` takes the last.
    let peak = hours.rev().max_by_key(|&(_, count)| count);
    peak.map(|(&hour, _)| hour)
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
        let days = [
            day(2, tally(5, 4, 1_000, 2_500_000)),
            day(1, tally(3, 3, 10, 0)),
            day(3, tally(0, 0, 0, 0)),
        ];
        let mut parts = DayParts::none(Day(2));
        for (hour, agent_type, executions) in [
            (9, "tester", 1),
            (9, "analyzer", 1),
            (7, "tester", 2),
            (20, "writer", 1),
            (21, "gone", 0),
        ] {
            parts.add(hour, agent_type, executions);
        }
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
        ], "today": "1970-01-01", "time_zone": "UTC", "time_zone_since": null});
        let daily = build(&days, vec![parts], Zoned::utc());
        assert_eq!(serde_json::to_value(daily).unwrap(), expect);
    }

    #[test]
    fn hours_are_those_of_the_clock() {
        let rules = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
        let zone = Zone::of(rules).unwrap();
        // 2026-10-25, on which 02:00 to 03:00 comes twice, begins at 22:00Z of the day before.
        let (first, last) = zone.hours_of(Day::parse("2026-10-25").unwrap());
        let row = |hour| HourTally {
            hour,
            agent_type: "tester".to_owned(),
            tally: tally(1, 1, 0, 0),
        };
        let hours: Vec<HourTally> = first.to(last).map(row).collect();
        let parts = parts(&zone, &hours);
        let by_hour: Vec<(i32, i64)> = parts[0].by_hour.clone().into_iter().collect();
        assert_eq!(by_hour[..4], [(0, 1), (1, 1), (2, 2), (3, 1)]);
        assert_eq!((parts.len(), hours.len(), by_hour.len()), (1, 25, 24));
        assert_eq!(peak_hour(&parts[0]), Some(2));
    }
}
