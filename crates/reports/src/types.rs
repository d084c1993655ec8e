//! Executions by the type of their agent.

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
use agentpulse_core::sum::{add, sum};
use agentpulse_core::tally::{Tally, ratio};
use agentpulse_core::view::{HourTally, TypeTool};
use agentpulse_store::history::Reader;

/// Tools that stand for a type.
const COMMON_TOOLS: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    hours: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Distribution {
    /// Most executions first, by name if two have as many.
    pub distribution: Vec<Share>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TypeShare")]
pub struct Share {
    #[serde(rename = "type")]
    pub agent_type: String,
    pub count: i64,
    /// 0..1 of all executions.
    pub percentage: f64,
    pub avg_duration_ms: i64,
    pub success_rate: f64,
    /// The most called ones, of all days that the window touches.
    pub common_tools: Vec<String>,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/types/distribution";
    const SUMMARY: &'static str = "Shares of the agent types, and their tools";
    type Answer = Distribution;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let hours = params.hours(24)?;
        Ok(Query { hours })
    }
}

impl Report for Query {
    type Built = Distribution;

    fn is_scan(&self) -> bool {
        !hours_are_live(self.hours)
    }

    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
        // Its tools are those of whole days.
        let zone = sources.zone();
        zone.start_ms(zone.day_of_hour(last_hours(self.hours, now_ms).0))..i64::MAX
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Distribution, View), Error> {
        let (from, to) = last_hours(self.hours, now_ms);
        let zone = sources.zone();
        let (first, last) = (zone.day_of_hour(from), zone.day_of(now_ms));
        let live = async {
            tokio::try_join!(
                sources.live.hours(from, to),
                sources.live.type_tools(first, last)
            )
        };
        let tracked_names = sources.tracked_names();
        let history = move |reader: &Reader| {
            let names = tracked_names();
            let hours = reader.relabelled_hours(from, to, &names)?;
            Ok((hours, reader.relabelled_type_tools(first, last, &names)?))
        };
        let ((mut hours, mut tools), view) = if hours_are_live(self.hours) {
            sources.either(live, history).await?
        } else {
            (sources.history(history).await?, View::History)
        };
        let names = sources.names();
        hours.relabel(&names);
        tools.relabel(&names);
        Ok((build(&hours, &tools), view))
    }
}

pub fn build(hours: &[HourTally], tools: &[TypeTool]) -> Distribution {
    let mut types: BTreeMap<&str, Tally> = BTreeMap::new();
    for row in hours {
        *types.entry(&row.agent_type).or_default() += row.tally;
    }
    types.retain(|_, tally| tally.execution_count > 0);
    let total = sum(types.values().map(|tally| tally.execution_count));
    let mut common = common_tools(tools);
    let mut distribution: Vec<Share> = types
        .into_iter()
        .map(|(agent_type, tally)| Share {
            agent_type: agent_type.to_owned(),
            count: tally.execution_count,
            percentage: ratio(tally.execution_count, total),
            avg_duration_ms: tally.avg_duration_ms(),
            success_rate: tally.success_rate(),
            common_tools: common.remove(agent_type).unwrap_or_default(),
        })
        .collect();
    distribution.sort_by_key(|share| std::cmp::Reverse(share.count));
    Distribution { distribution }
}

fn common_tools(rows: &[TypeTool]) -> BTreeMap<&str, Vec<String>> {
    let mut calls: BTreeMap<&str, BTreeMap<&str, i64>> = BTreeMap::new();
    for row in rows {
        let tools = calls.entry(&row.agent_type).or_default();
        add(tools.entry(&row.tool).or_default(), row.calls);
    }
    let most = |tools: BTreeMap<&str, i64>| {
        let mut tools: Vec<_> = tools.into_iter().filter(|&(_, calls)| calls > 0).collect();
        tools.sort_by_key(|&(_, calls)| std::cmp::Reverse(calls));
        let names = tools.into_iter().map(|(tool, _)| tool.to_owned());
        names.take(COMMON_TOOLS).collect()
    };
    calls
        .into_iter()
        .map(|(agent_type, tools)| (agent_type, most(tools)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use agentpulse_core::bucket::{Day, Hour};

    fn hour(agent_type: &str, count: i64, successes: i64, total_ms: i64) -> HourTally {
        HourTally {
            hour: Hour(5),
            agent_type: agent_type.to_owned(),
            tally: Tally {
                execution_count: count,
                success_count: successes,
                duration_count: count,
                total_duration_ms: total_ms,
                ..Tally::default()
            },
        }
    }

    fn tool(agent_type: &str, tool: &str, calls: i64) -> TypeTool {
        TypeTool {
            day: Day(0),
            agent_type: agent_type.to_owned(),
            tool: tool.to_owned(),
            calls,
        }
    }

    #[test]
    fn shares_add_up_and_carry_their_most_called_tools() {
        let hours = [
            hour("tester", 2, 1, 30),
            hour("analyzer", 1, 1, 10),
            hour("analyzer", 1, 1, 20),
            hour("writer", 4, 4, 4_000),
            hour("gone", 0, 0, 0),
        ];
        let tools = [
            tool("writer", "Write", 3),
            tool("writer", "Bash", 4),
            tool("writer", "Write", 3),
            tool("writer", "Grep", 1),
            tool("writer", "Edit", 4),
            tool("tester", "Bash", 0),
        ];
        let expect = json!({"distribution": [
            {
                "type": "writer", "count": 4, "percentage": 0.5, "avg_duration_ms": 1000,
                "success_rate": 1.0, "common_tools": ["Write", "Bash", "Edit"],
            },
            {
                "type": "analyzer", "count": 2, "percentage": 0.25, "avg_duration_ms": 15,
                "success_rate": 1.0, "common_tools": [],
            },
            {
                "type": "tester", "count": 2, "percentage": 0.25, "avg_duration_ms": 15,
                "success_rate": 0.5, "common_tools": [],
            },
        ]});
        let distribution = build(&hours, &tools);
        assert_eq!(serde_json::to_value(distribution).unwrap(), expect);
        assert_eq!(build(&[], &[]).distribution, []);
    }
}
