//! What executions cost, by day, agent, model, session, kind, project, branch or host.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::report::Report;
use crate::source::{Sources, View};
use crate::window::{days_are_few, ended_in, last_days};
use crate::zoned::Zoned;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, LIMIT, Param, Params};
use agentpulse_core::bucket::Day;
use agentpulse_core::dimension::{Dimension, NONE};
use agentpulse_core::names::OTHER;
use agentpulse_core::tally::Tally;
use agentpulse_store::history::{Costliest, Reader};

/// Rows of names. An answer of the most has less than 1 MB: a name has at most 256 bytes.
const MAX_ROWS: usize = 1_000;
const DEFAULT_ROWS: usize = 100;

const BY: Param = Param::new("by", "The column of the rows; the default is the day.");

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    by: Dimension,
    days: i32,
    limit: usize,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Costs {
    /// Days oldest first; names the most costly first, and last all others of them under `_other`,
    /// so that the rows add up to everything. A name is listed by itself if it is among the `limit`
    /// most costly of the range; one that is so of none of its days may be missing.
    pub costs: Vec<Cost>,
    #[serde(flatten)]
    pub zoned: Zoned,
}

/// Columns that the rows are summed over are null; so is a name that executions do not have.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CostRow")]
pub struct Cost {
    #[schemars(extend("format" = "date"))]
    pub date: Option<String>,
    pub agent_name: Option<String>,
    pub model: Option<String>,
    pub session_id: Option<String>,
    // Version 0.1.0 does not send these four.
    #[serde(default)]
    #[schemars(!default)]
    pub kind: Option<String>,
    #[serde(default)]
    #[schemars(!default)]
    pub project: Option<String>,
    #[serde(default)]
    #[schemars(!default)]
    pub branch: Option<String>,
    #[serde(default)]
    #[schemars(!default)]
    pub host: Option<String>,
    pub executions: i64,
    pub total_tokens: i64,
    /// Dollars, of those executions whose cost is known.
    pub estimated_cost: f64,
    /// Executions with tokens of a model whose price is not known.
    pub unpriced_count: i64,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/costs";
    const SUMMARY: &'static str =
        "Executions, tokens and cost by day, agent, model, session, kind, project, branch or host";
    type Answer = Costs;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let choices: Vec<_> = Dimension::of_costs().collect();
        let (by, days) = (params.choice(BY, &choices)?, params.days(30)?);
        let limit = params.number(LIMIT, 1..=MAX_ROWS, Some(DEFAULT_ROWS))?;
        let by = by.unwrap_or(Dimension::Day);
        Ok(Query {
            by,
            days,
            // Days are never cut.
            limit: match by {
                Dimension::Day => 0,
                _ => limit.unwrap_or(DEFAULT_ROWS),
            },
        })
    }
}

impl Report for Query {
    type Built = Costs;

    fn is_scan(&self) -> bool {
        self.by != Dimension::Day && !days_are_few(self.days)
    }

    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
        ended_in(sources.zone(), last_days(self.days, sources.today(now_ms)))
    }

    fn reads_sessions(&self) -> bool {
        self.by == Dimension::Session
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Costs, View), Error> {
        let Query { by, days, limit } = *self;
        let (from, to) = last_days(days, sources.today(now_ms));
        let ask = move |reader: &Reader| match by {
            Dimension::Day => {
                let rows = reader.days(from, to)?;
                Ok(by_day(rows.into_iter().map(|row| (row.day, row.tally))))
            }
            _ => Ok(by_name(by, reader.costliest(by, from, to, limit)?)),
        };
        let costs = Costs {
            costs: sources.history(ask).await?,
            zoned: sources.zoned(now_ms),
        };
        Ok((costs, View::History))
    }
}

/// A row a day that had executions.
pub fn by_day(rows: impl IntoIterator<Item = (Day, Tally)>) -> Vec<Cost> {
    let days: BTreeMap<Day, Tally> = rows.into_iter().collect();
    let cost = |(day, tally): (Day, Tally)| Cost {
        date: Some(day.to_string()),
        ..Cost::of(&tally)
    };
    let days = days
        .into_iter()
        .filter(|(_, tally)| tally.execution_count > 0);
    days.map(cost).collect()
}

pub fn by_name(by: Dimension, Costliest { mut rows, rest }: Costliest) -> Vec<Cost> {
    rows.retain(|(_, tally)| tally.execution_count > 0);
    if rest.execution_count > 0 {
        match rows.iter_mut().find(|(name, _)| name == OTHER) {
            Some((_, tally)) => *tally += rest,
            None => rows.push((OTHER.to_owned(), rest)),
        }
    }
    let costs = rows.into_iter().map(|(name, tally)| {
        let mut cost = Cost::of(&tally);
        let name = Some(name).filter(|name| name != NONE);
        match by {
            Dimension::Agent => cost.agent_name = name,
            Dimension::Model => cost.model = name,
            Dimension::Session => cost.session_id = name,
            Dimension::Kind => cost.kind = name,
            Dimension::Project => cost.project = name,
            Dimension::Branch => cost.branch = name,
            Dimension::Host => cost.host = name,
            // Its buckets have no names, or costs are not asked by it.
            Dimension::Day | Dimension::Type => {}
        }
        cost
    });
    costs.collect()
}

impl Cost {
    fn of(tally: &Tally) -> Cost {
        Cost {
            executions: tally.execution_count,
            total_tokens: tally.total_tokens,
            estimated_cost: tally.cost(),
            unpriced_count: tally.unpriced_count,
            ..Cost::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_have_their_bounds() {
        let parsed = |query| Query::parse(&Params::of(Some(query), None));
        let of_model = |limit| Query {
            by: Dimension::Model,
            days: 30,
            limit,
        };
        assert_eq!(parsed("by=model"), Ok(of_model(100)));
        assert_eq!(parsed("by=model&limit=1000"), Ok(of_model(1_000)));
        assert_eq!(parsed("limit=5"), parsed(""));
        let refused = |query| parsed(query).unwrap_err().to_string();
        assert_eq!(
            refused("by=tool"),
            "by must be one of day, agent, model, session, kind, project, branch, host"
        );
        assert_eq!(refused("days=0"), "days must be 1..=400");
        assert_eq!(refused("by=model&limit=1001"), "limit must be 1..=1000");
    }

    fn tally(executions: i64, tokens: i64, cost_micros: i64) -> Tally {
        Tally {
            execution_count: executions,
            total_tokens: tokens,
            cost_micros,
            unpriced_count: executions - 1,
            ..Tally::default()
        }
    }

    #[test]
    fn days_that_cost() {
        let rows = [
            (Day(2), tally(2, 20, 7_600)),
            (Day(1), tally(1, 10, 0)),
            (Day(3), tally(0, 0, 0)),
        ];
        let expect = json!([
            {
                "date": "1970-01-02", "agent_name": null, "model": null, "session_id": null,
                "kind": null, "project": null, "branch": null, "host": null,
                "executions": 1, "total_tokens": 10, "estimated_cost": 0.0, "unpriced_count": 0,
            },
            {
                "date": "1970-01-03", "agent_name": null, "model": null, "session_id": null,
                "kind": null, "project": null, "branch": null, "host": null,
                "executions": 2, "total_tokens": 20, "estimated_cost": 0.0076,
                "unpriced_count": 1,
            },
        ]);
        assert_eq!(serde_json::to_value(by_day(rows)).unwrap(), expect);
    }

    fn costliest<const N: usize>(rows: [(&str, i64, i64); N], rest: Tally) -> Costliest {
        let rows = rows.map(|(name, tokens, cost)| (name.to_owned(), tally(1, tokens, cost)));
        Costliest {
            rows: rows.into(),
            rest,
        }
    }

    fn names(costs: &[Cost]) -> Vec<Option<&str>> {
        costs.iter().map(|cost| cost.model.as_deref()).collect()
    }

    #[test]
    fn names_stay_in_their_order_and_the_rest_comes_last() {
        let rows = [("c", 1, 200), ("a", 5, 100), ("b", 9, 0), (NONE, 7, 0)];
        let listed = costliest(rows, Tally::default());
        let costs = by_name(Dimension::Model, listed);
        assert_eq!(names(&costs), [Some("c"), Some("a"), Some("b"), None]);
        assert!(
            costs
                .iter()
                .all(|cost| cost.agent_name.is_none() && cost.date.is_none())
        );
        let costs = by_name(Dimension::Model, costliest(rows, tally(2, 2, 3)));
        assert_eq!(names(&costs)[3..], [None, Some(OTHER)]);
        assert_eq!(
            (costs[4].executions, costs[4].estimated_cost),
            (2, 0.000_003)
        );
    }

    #[test]
    fn a_name_like_that_of_the_rest_shares_its_row() {
        let rows = [(OTHER, 1, 5_000), ("a", 1, 4_000)];
        let costs = by_name(Dimension::Model, costliest(rows, tally(2, 2, 3)));
        assert_eq!(names(&costs), [Some(OTHER), Some("a")]);
        assert_eq!(
            (costs[0].executions, costs[0].estimated_cost),
            (3, 0.005_003)
        );
    }
}
