//! The messages for the dashboard of coding agents' hooks, which reads them on `/stream`, in its
//! own shapes: rates are 0–100, durations seconds, times milliseconds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Error;
use crate::report::Report;
use crate::source::{Relabel, Sources, View};
use crate::window::last_hours;
use crate::{current, tools};
use agentpulse_core::bucket::Hour;
use agentpulse_core::tally::Tally;
use agentpulse_core::view::HourTally;
use agentpulse_store::history::Reader;

/// As its page shows them.
const HOURS: i32 = 24;
const AGENT_ICON: &str = "🤖";
const TOOL_ICON: &str = "🔧";

/// One of the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    Metrics,
    Timeline,
    Types,
    Tools,
}

impl Part {
    pub const ALL: [Part; 4] = [Part::Metrics, Part::Timeline, Part::Types, Part::Tools];
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Message {
    Metrics(Metrics),
    Timeline(Vec<Point>),
    Types(Vec<Share>),
    Tools(Vec<Tool>),
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Of the UTC day, as `executions_today`.
    total_executions: i64,
    success_rate: f64,
    /// As many as `types` lists.
    agent_types: usize,
    active_agents: u64,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    timestamp: i64,
    executions: i64,
    successes: i64,
    /// All executions that did not succeed.
    failures: i64,
    avg_duration: f64,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    #[serde(rename = "type")]
    agent_type: String,
    display_name: String,
    count: i64,
    success_rate: f64,
    avg_duration: f64,
    icon: &'static str,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    tool_name: String,
    usage_count: i64,
    agent_count: usize,
    /// Null, as the next: no source reports the result of single calls.
    success_rate: Option<f64>,
    avg_duration: Option<f64>,
    icon: &'static str,
}

impl Report for Part {
    type Built = Message;

    fn is_scan(&self) -> bool {
        false
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Message, View), Error> {
        Ok(match self {
            Part::Metrics => {
                let (rows, _) = hours(sources, now_ms).await?;
                let (current, view) = current::Query::TODAY.fetch(sources, now_ms).await?;
                let metrics = Metrics {
                    total_executions: current.executions_today,
                    success_rate: percent(current.success_rate),
                    agent_types: types(&rows).len(),
                    active_agents: current.active_agents,
                };
                (Message::Metrics(metrics), view)
            }
            Part::Timeline => {
                let (rows, view) = hours(sources, now_ms).await?;
                let (from, to) = last_hours(HOURS, now_ms);
                (Message::Timeline(timeline(&rows, from, to)), view)
            }
            Part::Types => {
                let (rows, view) = hours(sources, now_ms).await?;
                (Message::Types(types(&rows)), view)
            }
            Part::Tools => {
                let (usage, view) = tools::Query::TODAY.fetch(sources, now_ms).await?;
                (Message::Tools(tools(usage.tools)), view)
            }
        })
    }
}

async fn hours(sources: &Sources, now_ms: i64) -> Result<(Vec<HourTally>, View), Error> {
    let (from, to) = last_hours(HOURS, now_ms);
    let live = sources.live.hours(from, to);
    let tracked_names = sources.tracked_names();
    let history = move |reader: &Reader| reader.relabelled_hours(from, to, &tracked_names());
    let (mut rows, view) = sources.either(live, history).await?;
    rows.relabel(&sources.names());
    Ok((rows, view))
}

/// A point an hour, oldest first.
pub fn timeline(rows: &[HourTally], from: Hour, to: Hour) -> Vec<Point> {
    let mut hours: BTreeMap<Hour, Tally> = BTreeMap::new();
    for row in rows {
        *hours.entry(row.hour).or_default() += row.tally;
    }
    let point = |hour: Hour| {
        let tally = hours.get(&hour).copied().unwrap_or_default();
        Point {
            timestamp: hour.start_ms(),
            executions: tally.execution_count,
            successes: tally.success_count,
            failures: tally.execution_count - tally.success_count,
            avg_duration: seconds(tally.avg_duration_ms()),
        }
    };
    from.to(to).map(point).collect()
}

/// Most executions first, by name if two have as many.
pub fn types(rows: &[HourTally]) -> Vec<Share> {
    let mut types: BTreeMap<&str, Tally> = BTreeMap::new();
    for row in rows {
        *types.entry(&row.agent_type).or_default() += row.tally;
    }
    types.retain(|_, tally| tally.execution_count > 0);
    let share = |(agent_type, tally): (&str, Tally)| Share {
        agent_type: agent_type.to_owned(),
        display_name: display_name(agent_type),
        count: tally.execution_count,
        success_rate: percent(tally.success_rate()),
        avg_duration: seconds(tally.avg_duration_ms()),
        icon: AGENT_ICON,
    };
    let mut shares: Vec<Share> = types.into_iter().map(share).collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.count));
    shares
}

fn tools(tools: Vec<tools::Tool>) -> Vec<Tool> {
    let tool = |tool: tools::Tool| Tool {
        tool_name: tool.name,
        usage_count: tool.usage_count,
        agent_count: tool.agents_using.len(),
        success_rate: None,
        avg_duration: None,
        icon: TOOL_ICON,
    };
    tools.into_iter().map(tool).collect()
}

/// `data-manager` is `Data Manager`.
fn display_name(agent_type: &str) -> String {
    let words = agent_type
        .split(['-', '_', ' '])
        .filter(|word| !word.is_empty());
    let capitalised = words.map(|word| {
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect::<String>()
    });
    capitalised.collect::<Vec<_>>().join(" ")
}

/// With two decimals, of a rate of 0..1 with four.
fn percent(rate: f64) -> f64 {
    (rate * 10_000.0).round() / 100.0
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;
    use crate::samples::hour_tally;

    #[test]
    fn hours_and_types_in_its_shapes() {
        let rows = [
            hour_tally(1, "data-manager", 2, 1, 3_000),
            hour_tally(1, "_other", 1, 1, 500),
            hour_tally(3, "data-manager", 1, 1, 1_501),
        ];
        let timeline = Message::Timeline(timeline(&rows, Hour(1), Hour(3)));
        let expect = json!({"type": "timeline", "data": [
            {"timestamp": 3_600_000, "executions": 3, "successes": 2, "failures": 1,
                "avgDuration": 1.167},
            {"timestamp": 7_200_000, "executions": 0, "successes": 0, "failures": 0,
                "avgDuration": 0.0},
            {"timestamp": 10_800_000, "executions": 1, "successes": 1, "failures": 0,
                "avgDuration": 1.501},
        ]});
        assert_eq!(to_value(timeline).unwrap(), expect);
        let expect = json!({"type": "types", "data": [
            {"type": "data-manager", "displayName": "Data Manager", "count": 3,
                "successRate": 66.67, "avgDuration": 1.5, "icon": "🤖"},
            {"type": "_other", "displayName": "Other", "count": 1, "successRate": 100.0,
                "avgDuration": 0.5, "icon": "🤖"},
        ]});
        assert_eq!(to_value(Message::Types(types(&rows))).unwrap(), expect);
    }

    #[test]
    fn a_tool_tells_nothing_of_how_its_calls_went() {
        let used = tools::Tool {
            name: "Read".to_owned(),
            usage_count: 4,
            percentage: 1.0,
            avg_per_execution: 2.0,
            agents_using: vec!["tester".to_owned(), "writer".to_owned()],
        };
        let expect = json!({"type": "tools", "data": [
            {"toolName": "Read", "usageCount": 4, "agentCount": 2, "successRate": null,
                "avgDuration": null, "icon": "🔧"},
        ]});
        let tools = Message::Tools(tools(vec![used]));
        assert_eq!(to_value(tools).unwrap(), expect);
    }
}
