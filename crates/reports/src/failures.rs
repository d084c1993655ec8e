//! What executions failed of lately, whichever agent they are of.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::report::Report;
use crate::source::{Sources, View};
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, LIMIT, Params};
use agentpulse_core::bucket::{HOUR_MS, rfc3339};
use agentpulse_core::execution::{Details, Status};
use agentpulse_core::names::OTHER;
use agentpulse_core::text::cut;
use agentpulse_core::view::Failed;
use agentpulse_store::history::Reader;

const MAX_ROWS: usize = 100;
const DEFAULT_ROWS: usize = 20;
/// Of one kind of failure, those with most of them.
const AGENTS_LISTED: usize = 5;
/// Kinds of failures, and names of agents in each, that are counted by themselves. All others are
/// counted together.
const MAX_NAMES: usize = 1_000;
/// Of the message of the last one.
const MESSAGE_BYTES: usize = 512;
/// Of a longer range history reads very many executions.
const LOOKUP_HOURS: i32 = 24;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    hours: i32,
    limit: usize,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failures {
    /// Executions that did not succeed and ended since then.
    pub failures: i64,
    #[schemars(extend("format" = "date-time"))]
    pub since: String,
    /// Those with most executions first.
    pub errors: Vec<Kind>,
    /// Executions of kinds that are not listed.
    pub others: i64,
}

/// Executions that ended alike.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KindOfFailure")]
pub struct Kind {
    /// `type` of their error details; null where they have none.
    pub error_type: Option<String>,
    pub status: Status,
    pub executions: i64,
    /// Those with most of them, at most five.
    pub agents: Vec<OfAgent>,
    /// The last one.
    pub last: Last,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FailuresOfAgent")]
pub struct OfAgent {
    pub agent_name: String,
    pub executions: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LastFailure")]
pub struct Last {
    pub agent_id: String,
    pub agent_name: String,
    #[schemars(extend("format" = "date-time"))]
    pub execution_end: String,
    pub message: Option<String>,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/errors";
    const SUMMARY: &'static str = "What executions failed of lately, by the type of their error";
    type Answer = Failures;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let hours = params.hours(24)?;
        let limit = params.number(LIMIT, 1..=MAX_ROWS, Some(DEFAULT_ROWS))?;
        let limit = limit.unwrap_or(DEFAULT_ROWS);
        Ok(Query { hours, limit })
    }
}

impl Report for Query {
    type Built = Failures;

    fn is_scan(&self) -> bool {
        self.hours > LOOKUP_HOURS
    }

    fn ended_ms(&self, _: &Sources, _now_ms: i64) -> Range<i64> {
        // It reads none.
        0..0
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Failures, View), Error> {
        let since_ms = now_ms - i64::from(self.hours) * HOUR_MS;
        let ask = move |reader: &Reader| {
            let mut found = Found::default();
            reader.each_failed_since(since_ms, |failed| found.add(&failed))?;
            Ok(found)
        };
        let found = sources.history(ask).await?;
        Ok((found.build(since_ms, self.limit), View::History))
    }
}

/// Newest first, so that the first of each kind is its last.
#[derive(Default)]
struct Found {
    failures: i64,
    kinds: BTreeMap<(Option<String>, &'static str), Counted>,
}

struct Counted {
    status: Status,
    executions: i64,
    by_agent: BTreeMap<String, i64>,
    last: Last,
}

impl Found {
    fn add(&mut self, failed: &Failed) {
        self.failures += 1;
        let details = failed.error_details.as_ref().map(Details::fields);
        let text = |field: &str| Some(details.as_ref()?.get(field)?.as_str()?.to_owned());
        let kind = (text("type"), failed.status.as_str());
        if self.kinds.len() >= MAX_NAMES && !self.kinds.contains_key(&kind) {
            return;
        }
        let counted = self.kinds.entry(kind).or_insert_with(|| Counted {
            status: failed.status,
            executions: 0,
            by_agent: BTreeMap::new(),
            last: Last {
                agent_id: failed.agent_id.clone(),
                agent_name: failed.agent_name.clone(),
                execution_end: rfc3339(failed.ended_ms),
                message: text("message").map(|message| cut(message, MESSAGE_BYTES)),
            },
        });
        counted.executions += 1;
        let is_full = counted.by_agent.len() >= MAX_NAMES;
        let name = match is_full && !counted.by_agent.contains_key(&failed.agent_name) {
            true => OTHER,
            false => &failed.agent_name,
        };
        *counted.by_agent.entry(name.to_owned()).or_default() += 1;
    }

    fn build(self, since_ms: i64, limit: usize) -> Failures {
        let kind = |((error_type, _), counted): ((Option<String>, _), Counted)| Kind {
            error_type,
            status: counted.status,
            executions: counted.executions,
            agents: most(counted.by_agent),
            last: counted.last,
        };
        let mut errors: Vec<Kind> = self.kinds.into_iter().map(kind).collect();
        errors.sort_by_key(|kind| Reverse(kind.executions));
        errors.truncate(limit);
        let listed: i64 = errors.iter().map(|kind| kind.executions).sum();
        Failures {
            failures: self.failures,
            since: rfc3339(since_ms),
            errors,
            others: self.failures - listed,
        }
    }
}

fn most(by_agent: BTreeMap<String, i64>) -> Vec<OfAgent> {
    let agents = by_agent.into_iter();
    let mut agents: Vec<OfAgent> = agents
        .map(|(agent_name, executions)| OfAgent {
            agent_name,
            executions,
        })
        .collect();
    agents.sort_by_key(|agent| Reverse(agent.executions));
    agents.truncate(AGENTS_LISTED);
    agents
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn failed(id: i64, agent_name: &str, status: Status, details: Value) -> Failed {
        Failed {
            agent_id: format!("run-{id}"),
            agent_name: agent_name.to_owned(),
            agent_type: "tester".to_owned(),
            ended_ms: id * 1_000,
            status,
            error_details: details.as_object().cloned().map(Details::from),
        }
    }

    fn of_type(name: &str) -> Value {
        json!({"type": name, "message": format!("{name} it was")})
    }

    #[test]
    fn failures_are_counted_by_what_they_failed_of() {
        let mut found = Found::default();
        for failure in [
            failed(9, "b", Status::Failure, of_type("RateLimit")),
            failed(8, "a", Status::Failure, of_type("RateLimit")),
            failed(7, "a", Status::Failure, of_type("RateLimit")),
            failed(6, "a", Status::Timeout, Value::Null),
            failed(5, "a", Status::Timeout, of_type("RateLimit")),
            failed(4, "c", Status::Timeout, Value::Null),
            failed(3, "c", Status::Failure, json!({"type": 7})),
        ] {
            found.add(&failure);
        }
        let expect = json!({
            "failures": 7, "since": "1970-01-01T00:00:00.000Z", "others": 2, "errors": [
                {
                    "error_type": "RateLimit", "status": "failure", "executions": 3,
                    "agents": [
                        {"agent_name": "a", "executions": 2}, {"agent_name": "b", "executions": 1},
                    ],
                    "last": {
                        "agent_id": "run-9", "agent_name": "b", "message": "RateLimit it was",
                        "execution_end": "1970-01-01T00:00:09.000Z",
                    },
                },
                {
                    "error_type": null, "status": "timeout", "executions": 2,
                    "agents": [
                        {"agent_name": "a", "executions": 1}, {"agent_name": "c", "executions": 1},
                    ],
                    "last": {
                        "agent_id": "run-6", "agent_name": "a", "message": null,
                        "execution_end": "1970-01-01T00:00:06.000Z",
                    },
                },
            ],
        });
        assert_eq!(serde_json::to_value(found.build(0, 2)).unwrap(), expect);
    }

    #[test]
    fn kinds_and_agents_beyond_the_bound_are_counted_together() {
        let mut found = Found::default();
        for id in 0..1_500 {
            let agent = format!("agent-{id}");
            found.add(&failed(id, &agent, Status::Failure, of_type("Same")));
            found.add(&failed(id, "x", Status::Failure, of_type(&format!("{id}"))));
        }
        assert_eq!((found.failures, found.kinds.len()), (3_000, MAX_NAMES));
        let failures = found.build(0, 100);
        let same = &failures.errors[0];
        let first = OfAgent {
            agent_name: OTHER.to_owned(),
            executions: 500,
        };
        assert_eq!((same.executions, &same.agents[0]), (1_500, &first));
        assert_eq!(same.agents.len(), AGENTS_LISTED);
        assert_eq!(failures.others, 3_000 - 1_500 - 99);
    }

    #[test]
    fn parameters_have_their_bounds() {
        let parsed = |query| Query::parse(&Params::of(Some(query), None));
        let expected = Query {
            hours: 168,
            limit: 20,
        };
        assert_eq!(parsed("timeRange=7d"), Ok(expected));
        let refused = |query| parsed(query).unwrap_err().to_string();
        assert_eq!(refused("hours=0"), "hours must be 1..=168");
        assert_eq!(refused("limit=0"), "limit must be 1..=100");
    }
}
