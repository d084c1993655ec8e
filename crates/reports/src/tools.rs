//! The use of tools: by agent type, and in pairs.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::correlation::correlated;
use crate::error::Error;
use crate::report::Report;
use crate::source::{Relabel, Sources, View};
use crate::window::{days_are_few, ended_in, is_live};
use crate::zoned::Zoned;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Param, Params, whole_days};
use agentpulse_core::bucket::Day;
use agentpulse_core::names::Names;
use agentpulse_core::sum::{add, sum};
use agentpulse_core::tally::ratio;
use agentpulse_core::view::{DayTally, ToolDay, ToolPair, TypeTool};
use agentpulse_live as live;
use agentpulse_store::history::{self, Reader};

const PERIOD: Param = Param::new(
    "period",
    "A day, 7 days or 30 days that end with date; the default is a day.",
);
const DATE: Param = Param::new("date", "The last day; the default is today.");

/// Of the `days` days up to `last`, else up to today.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    last: Option<Day>,
    days: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolUsage {
    /// A date, or the first and the last one with a slash between them.
    pub period: String,
    /// Most calls first, by name where two have as many.
    pub tools: Vec<Tool>,
    pub insights: Insights,
    #[serde(flatten)]
    pub zoned: Zoned,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    pub name: String,
    /// Calls.
    pub usage_count: i64,
    /// 0..1 of all calls.
    pub percentage: f64,
    /// Calls by all executions of the period, also those that did not use it.
    pub avg_per_execution: f64,
    /// Agent types, most calls first.
    pub agents_using: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ToolInsights")]
pub struct Insights {
    pub most_used_tool: Option<String>,
    pub least_used_tool: Option<String>,
    /// Tools that executions use together more often than by chance.
    pub high_correlation: Vec<[String; 2]>,
}

pub struct Rows {
    pub days: Vec<DayTally>,
    pub tools: Vec<ToolDay>,
    pub type_tools: Vec<TypeTool>,
    pub pairs: Vec<ToolPair>,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/tools/usage";
    const SUMMARY: &'static str = "Calls of each tool, who uses it, what goes together";
    type Answer = ToolUsage;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let period = params.choice(PERIOD, &[("day", 1), ("week", 7), ("month", 30)])?;
        let range = params.time_range()?.map(whole_days);
        let last = params.day(DATE)?;
        // A date is a parameter of its own and wins over the window that ends now.
        let range = range.filter(|_| last.is_none());
        let days = period.or(range).unwrap_or(1);
        Ok(Query { last, days })
    }
}

impl Report for Query {
    type Built = ToolUsage;

    fn is_scan(&self) -> bool {
        !days_are_few(self.days)
    }

    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
        let last = self.last.unwrap_or(sources.today(now_ms));
        ended_in(sources.zone(), (last.back(self.days - 1), last))
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(ToolUsage, View), Error> {
        let today = sources.today(now_ms);
        let last = self.last.unwrap_or(today);
        let first = last.back(self.days - 1);
        let tracked_names = sources.tracked_names();
        let history = move |reader: &Reader| from_history(reader, first, last, &tracked_names());
        let (mut rows, view) = if is_live(first, today) {
            let live = from_live(sources, first, last);
            sources.either(live, history).await?
        } else {
            (sources.history(history).await?, View::History)
        };
        rows.relabel(&sources.names());
        Ok((build(&rows, first, last, sources.zoned(now_ms)), view))
    }
}

impl Query {
    pub const TODAY: Query = Query {
        last: None,
        days: 1,
    };
}

async fn from_live(sources: &Sources, first: Day, last: Day) -> Result<Rows, live::Error> {
    let live = &sources.live;
    let (days, tools, type_tools, pairs) = tokio::try_join!(
        live.days(first, last),
        live.tools(first, last),
        live.type_tools(first, last),
        live.pairs(first, last),
    )?;
    Ok(Rows {
        days,
        tools,
        type_tools,
        pairs,
    })
}

fn from_history(
    reader: &Reader,
    first: Day,
    last: Day,
    names: &Names,
) -> Result<Rows, history::Error> {
    Ok(Rows {
        days: reader.days(first, last)?,
        tools: reader.relabelled_tools(first, last, names)?,
        type_tools: reader.relabelled_type_tools(first, last, names)?,
        pairs: reader.relabelled_pairs(first, last, names)?,
    })
}

impl Relabel for Rows {
    fn relabel(&mut self, names: &Names) {
        self.tools.relabel(names);
        self.type_tools.relabel(names);
        self.pairs.relabel(names);
    }
}

pub fn build(rows: &Rows, first: Day, last: Day, zoned: Zoned) -> ToolUsage {
    let executions = rows.days.iter().map(|row| row.tally.execution_count);
    let executions = sum(executions);
    let sums = tool_sums(&rows.tools);
    let total_calls = sum(sums.iter().map(|tool| tool.calls));
    let mut users = users(&rows.type_tools);
    let tools: Vec<Tool> = sums
        .iter()
        .map(|tool| Tool {
            name: tool.name.to_owned(),
            usage_count: tool.calls,
            percentage: ratio(tool.calls, total_calls),
            avg_per_execution: ratio(tool.calls, executions),
            agents_using: users.remove(tool.name).unwrap_or_default(),
        })
        .collect();
    let called = || sums.iter().filter(|tool| tool.calls > 0);
    let least = called().min_by_key(|tool| (tool.calls, tool.name));
    let most = called().next().map(|tool| tool.name.to_owned());
    let executions_of = sums
        .iter()
        .map(|tool| (tool.name, tool.executions))
        .collect();
    let insights = Insights {
        most_used_tool: most,
        least_used_tool: least.map(|tool| tool.name.to_owned()),
        high_correlation: correlated(&rows.pairs, &executions_of),
    };
    let period = if first == last {
        last.to_string()
    } else {
        format!("{first}/{last}")
    };
    ToolUsage {
        period,
        tools,
        insights,
        zoned,
    }
}

struct ToolSum<'a> {
    name: &'a str,
    calls: i64,
    executions: i64,
}

/// Most calls first, then by name.
fn tool_sums(rows: &[ToolDay]) -> Vec<ToolSum<'_>> {
    let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for row in rows {
        let (calls, executions) = sums.entry(&row.tool).or_default();
        add(calls, row.calls);
        add(executions, row.executions);
    }
    let mut sums: Vec<ToolSum> = sums
        .into_iter()
        .filter(|&(_, (calls, executions))| calls > 0 || executions > 0)
        .map(|(name, (calls, executions))| ToolSum {
            name,
            calls,
            executions,
        })
        .collect();
    sums.sort_by_key(|tool| Reverse(tool.calls));
    sums
}

/// The agent types that called each tool, most calls first, then by name.
fn users(rows: &[TypeTool]) -> BTreeMap<&str, Vec<String>> {
    let mut calls: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for row in rows {
        let calls = calls.entry((&*row.tool, &*row.agent_type)).or_default();
        add(calls, row.calls);
    }
    let mut called: Vec<_> = calls.into_iter().filter(|&(_, calls)| calls > 0).collect();
    called.sort_by_key(|&(_, calls)| Reverse(calls));
    let mut users: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((tool, agent_type), _) in called {
        users.entry(tool).or_default().push(agent_type.to_owned());
    }
    users
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use agentpulse_core::tally::Tally;

    fn day(day: i32, executions: i64) -> DayTally {
        DayTally {
            day: Day(day),
            tally: Tally {
                execution_count: executions,
                ..Tally::default()
            },
        }
    }

    fn tool(day: i32, tool: &str, calls: i64, executions: i64) -> ToolDay {
        ToolDay {
            day: Day(day),
            tool: tool.to_owned(),
            calls,
            executions,
        }
    }

    fn by_type(agent_type: &str, tool: &str, calls: i64) -> TypeTool {
        TypeTool {
            day: Day(1),
            agent_type: agent_type.to_owned(),
            tool: tool.to_owned(),
            calls,
        }
    }

    fn pair(first: &str, second: &str, executions: i64) -> ToolPair {
        ToolPair {
            day: Day(1),
            first: first.to_owned(),
            second: second.to_owned(),
            executions,
        }
    }

    #[test]
    fn a_week_of_tools() {
        let rows = Rows {
            days: vec![day(1, 6), day(2, 4)],
            tools: vec![
                tool(1, "Bash", 5, 4),
                tool(2, "Read", 15, 6),
                tool(2, "Bash", 0, 1),
                tool(2, "Grep", 0, 1),
                tool(2, "Gone", 0, 0),
            ],
            type_tools: vec![
                by_type("tester", "Bash", 1),
                by_type("analyzer", "Bash", 4),
                by_type("analyzer", "Read", 7),
                by_type("writer", "Read", 4),
                by_type("tester", "Read", 4),
                by_type("writer", "Bash", 0),
            ],
            pairs: vec![pair("Bash", "Read", 2), pair("Bash", "Read", 1)],
        };
        let expect = json!({
            "period": "1970-01-01/1970-01-07",
            "tools": [
                {
                    "name": "Read", "usage_count": 15, "percentage": 0.75,
                    "avg_per_execution": 1.5, "agents_using": ["analyzer", "tester", "writer"],
                },
                {
                    "name": "Bash", "usage_count": 5, "percentage": 0.25,
                    "avg_per_execution": 0.5, "agents_using": ["analyzer", "tester"],
                },
                {
                    "name": "Grep", "usage_count": 0, "percentage": 0.0,
                    "avg_per_execution": 0.0, "agents_using": [],
                },
            ],
            "today": "1970-01-01", "time_zone": "UTC", "time_zone_since": null,
            "insights": {
                "most_used_tool": "Read", "least_used_tool": "Bash",
                "high_correlation": [["Bash", "Read"]],
            },
        });
        let usage = build(&rows, Day(0), Day(6), Zoned::utc());
        assert_eq!(serde_json::to_value(usage).unwrap(), expect);
    }

    #[test]
    fn a_day_without_tools_has_a_name_and_nothing_else() {
        let rows = Rows {
            days: Vec::new(),
            tools: Vec::new(),
            type_tools: Vec::new(),
            pairs: Vec::new(),
        };
        let expect = json!({
            "period": "1970-01-02", "tools": [],
            "today": "1970-01-01", "time_zone": "UTC", "time_zone_since": null,
            "insights": {"most_used_tool": null, "least_used_tool": null, "high_correlation": []},
        });
        assert_eq!(
            serde_json::to_value(build(&rows, Day(1), Day(1), Zoned::utc())).unwrap(),
            expect
        );
    }

    #[test]
    fn a_period_is_some_days_or_a_window() {
        let parsed = |query| Query::parse(&Params::of(Some(query), None));
        let days = |query| parsed(query).map(|query| (query.last, query.days));
        assert_eq!(days(""), Ok((None, 1)));
        assert_eq!(days("period=week"), Ok((None, 7)));
        assert_eq!(days("period=month&timeRange=1h"), Ok((None, 30)));
        assert_eq!(days("timeRange=7d"), Ok((None, 7)));
        let last = Some(Day(20_777));
        assert_eq!(days("date=2026-11-20"), Ok((last, 1)));
        assert_eq!(days("date=2026-11-20&timeRange=7d"), Ok((last, 1)));
        assert_eq!(days("date=2026-11-20&period=week"), Ok((last, 7)));
        let refused = |query| parsed(query).unwrap_err().to_string();
        let expect = "period must be one of day, week, month";
        assert_eq!(refused("period=year"), expect);
        let expect = "date must be a date like 2026-11-20";
        assert_eq!(refused("date=2026-11-31"), expect);
    }
}
