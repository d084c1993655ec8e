//! What executions cost, by day, agent, model or session.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::window::last_days;
use super::{Error, Sources, View};
use crate::domain::bucket::Day;
use crate::domain::names::OTHER;
use crate::domain::sums::NONE;
use crate::domain::tally::Tally;
use crate::history::{self, Reader};

/// Rows of names. What comes beyond, the least costly, is one row more: the sum stays true.
const MAX_ROWS: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CostsBy {
    Day,
    Agent,
    Model,
    Session,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Costs {
    /// Days oldest first; names the most costly first.
    pub costs: Vec<Cost>,
}

/// What the rows are summed over is null; so is a name that executions did not say.
#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "CostRow")]
pub struct Cost {
    #[schemars(extend("format" = "date"))]
    pub date: Option<String>,
    pub agent_name: Option<String>,
    pub model: Option<String>,
    pub session_id: Option<String>,
    pub executions: i64,
    pub total_tokens: i64,
    /// Dollars, of those executions whose cost is known.
    pub estimated_cost: f64,
    /// Executions with tokens of a model whose price is not known.
    pub unpriced_count: i64,
}

pub async fn fetch(
    sources: &Sources,
    by: CostsBy,
    days: i32,
    now_ms: i64,
) -> Result<(Costs, View), Error> {
    let (from, to) = last_days(days, now_ms);
    let ask = move |reader: &Reader| match by {
        CostsBy::Day => {
            let rows = reader.days(from, to)?;
            Ok(by_day(rows.into_iter().map(|row| (row.day, row.tally))))
        }
        _ => Ok(by_name(by, named(reader, by, from, to)?)),
    };
    Ok((sources.history(ask).await?, View::History))
}

fn named(
    reader: &Reader,
    by: CostsBy,
    from: Day,
    to: Day,
) -> Result<Vec<(String, Tally)>, history::Error> {
    match by {
        CostsBy::Model => reader.models(from, to),
        CostsBy::Session => reader.sessions(from, to),
        CostsBy::Day | CostsBy::Agent => reader.agents(from, to),
    }
}

/// A row a day that had executions.
pub fn by_day(rows: impl IntoIterator<Item = (Day, Tally)>) -> Costs {
    let days: BTreeMap<Day, Tally> = rows.into_iter().collect();
    let cost = |(day, tally): (Day, Tally)| Cost {
        date: Some(day.to_string()),
        ..Cost::of(&tally)
    };
    let days = days
        .into_iter()
        .filter(|(_, tally)| tally.execution_count > 0);
    Costs {
        costs: days.map(cost).collect(),
    }
}

pub fn by_name(by: CostsBy, sums: impl IntoIterator<Item = (String, Tally)>) -> Costs {
    let mut sums: Vec<(String, Tally)> = sums
        .into_iter()
        .filter(|(_, tally)| tally.execution_count > 0)
        .collect();
    sums.sort_by_key(|(_, tally)| std::cmp::Reverse((tally.cost_micros, tally.total_tokens)));
    if sums.len() > MAX_ROWS {
        let mut rest = Tally::default();
        for (_, tally) in sums.drain(MAX_ROWS..) {
            rest += tally;
        }
        match sums.iter_mut().find(|(name, _)| name == OTHER) {
            Some((_, tally)) => *tally += rest,
            None => sums.push((OTHER.to_owned(), rest)),
        }
    }
    let costs = sums.into_iter().map(|(name, tally)| {
        let mut cost = Cost::of(&tally);
        let place = match by {
            CostsBy::Day => &mut cost.date,
            CostsBy::Agent => &mut cost.agent_name,
            CostsBy::Model => &mut cost.model,
            CostsBy::Session => &mut cost.session_id,
        };
        *place = Some(name).filter(|name| name != NONE);
        cost
    });
    Costs {
        costs: costs.collect(),
    }
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
        let expect = json!({"costs": [
            {
                "date": "1970-01-02", "agent_name": null, "model": null, "session_id": null,
                "executions": 1, "total_tokens": 10, "estimated_cost": 0.0, "unpriced_count": 0,
            },
            {
                "date": "1970-01-03", "agent_name": null, "model": null, "session_id": null,
                "executions": 2, "total_tokens": 20, "estimated_cost": 0.0076,
                "unpriced_count": 1,
            },
        ]});
        assert_eq!(serde_json::to_value(by_day(rows)).unwrap(), expect);
    }

    #[test]
    fn names_the_most_costly_first() {
        let sums = [
            ("a", 5, 100),
            ("b", 9, 0),
            ("c", 1, 200),
            (NONE, 7, 0),
            ("d", 9, 0),
        ];
        let sums = sums.map(|(name, tokens, cost)| (name.to_owned(), tally(1, tokens, cost)));
        let costs = by_name(CostsBy::Model, sums).costs;
        let models: Vec<Option<&str>> = costs.iter().map(|cost| cost.model.as_deref()).collect();
        assert_eq!(models, [Some("c"), Some("a"), Some("b"), Some("d"), None]);
        assert!(
            costs
                .iter()
                .all(|cost| cost.agent_name.is_none() && cost.date.is_none())
        );
    }

    #[test]
    fn the_rest_is_one_row_and_the_sum_stays_true() {
        let sums = (1..=1_002).map(|i| (format!("s{i}"), tally(1, 1, i)));
        let costs = by_name(CostsBy::Session, sums).costs;
        assert_eq!(costs.len(), 1_001);
        assert_eq!(costs[0].session_id.as_deref(), Some("s1002"));
        let rest = &costs[1_000];
        assert_eq!(rest.session_id.as_deref(), Some(OTHER));
        // The two least costly, of 1 and 2 millionths.
        assert_eq!((rest.executions, rest.estimated_cost), (2, 0.000_003));
    }

    #[test]
    fn what_calls_itself_as_the_rest_is_in_the_same_row() {
        let sums = (1..=1_001).map(|i| (format!("s{i}"), tally(1, 1, i)));
        let sums = sums.chain([(OTHER.to_owned(), tally(1, 1, 5_000))]);
        let costs = by_name(CostsBy::Session, sums).costs;
        let rest: Vec<_> = costs
            .iter()
            .filter(|cost| cost.session_id.as_deref() == Some(OTHER))
            .collect();
        // Its own, and the two least costly of 1,002.
        assert_eq!((costs.len(), rest.len()), (1_000, 1));
        assert_eq!((rest[0].executions, rest[0].estimated_cost), (3, 0.005_003));
    }
}
