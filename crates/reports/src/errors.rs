//! The last executions of one agent that did not succeed.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::report::Report;
use crate::source::{Sources, View};
use agentpulse_api::code::Code;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{AGENT_NAME, InvalidParameter, Params};
use agentpulse_core::bucket::rfc3339;
use agentpulse_core::execution::{Details, Status};
use agentpulse_core::names::OTHER;
use agentpulse_core::retention::FAILED_KEPT;
use agentpulse_core::view::Failed;
use agentpulse_store::history::Reader;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    agent_name: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Errors {
    pub agent_name: String,
    /// Newest first.
    pub errors: Vec<Failure>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FailedExecution")]
pub struct Failure {
    pub agent_id: String,
    pub agent_name: String,
    pub agent_type: String,
    pub status: Status,
    #[schemars(extend("format" = "date-time"))]
    pub execution_end: String,
    pub error_details: Option<Details>,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/errors/{agent_name}";
    const SUMMARY: &'static str =
        "The last executions of an agent that did not succeed, newest first";
    const CODES: &'static [Code] = &[Code::UnknownAgent];
    type Answer = Errors;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let agent_name = params.item_name(AGENT_NAME)?;
        Ok(Query { agent_name })
    }
}

impl Report for Query {
    type Built = Errors;

    fn is_scan(&self) -> bool {
        self.agent_name == OTHER
    }

    fn ended_ms(&self, _: &Sources, _now_ms: i64) -> Range<i64> {
        // It reads none.
        0..0
    }

    /// Only history has them all: the list in Redis is bounded, and an element that was trimmed for
    /// a run that succeeded after all does not come back.
    async fn fetch(&self, sources: &Sources, _now_ms: i64) -> Result<(Errors, View), Error> {
        let agent = sources.agent(&self.agent_name);
        let history = move |reader: &Reader| agent.failed(reader, FAILED_KEPT);
        let rows = sources.history(history).await?;
        if rows.is_empty() && !sources.is_known(&self.agent_name).await? {
            return Err(Error::UnknownAgent(self.agent_name.clone()));
        }
        Ok((build(&self.agent_name, rows), View::History))
    }
}

pub fn build(agent_name: &str, mut rows: Vec<Failed>) -> Errors {
    rows.sort_by(|a, b| (b.ended_ms, &a.agent_id).cmp(&(a.ended_ms, &b.agent_id)));
    rows.truncate(FAILED_KEPT);
    let failure = |row: Failed| Failure {
        agent_id: row.agent_id,
        agent_name: row.agent_name,
        agent_type: row.agent_type,
        status: row.status,
        execution_end: rfc3339(row.ended_ms),
        error_details: row.error_details,
    };
    Errors {
        agent_name: agent_name.to_owned(),
        errors: rows.into_iter().map(failure).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn failed(id: &str, ended_ms: i64, details: Value) -> Failed {
        Failed {
            agent_id: id.to_owned(),
            agent_name: "a".to_owned(),
            agent_type: "tester".to_owned(),
            ended_ms,
            status: Status::Failure,
            error_details: details.as_object().cloned().map(Details::from),
        }
    }

    #[test]
    fn the_newest_comes_first() {
        let rows = vec![
            failed("old", 1_000, Value::Null),
            failed(
                "new",
                2_000,
                json!({"type": "ValidationError", "message": "no"}),
            ),
        ];
        let expect = json!({"agent_name": "a", "errors": [
            {
                "agent_id": "new", "agent_name": "a", "agent_type": "tester",
                "status": "failure", "execution_end": "1970-01-01T00:00:02.000Z",
                "error_details": {"type": "ValidationError", "message": "no"},
            },
            {
                "agent_id": "old", "agent_name": "a", "agent_type": "tester",
                "status": "failure", "execution_end": "1970-01-01T00:00:01.000Z",
                "error_details": null,
            },
        ]});
        assert_eq!(serde_json::to_value(build("a", rows)).unwrap(), expect);
    }

    #[test]
    fn fifty_are_shown() {
        let rows = (0..60).map(|i| failed("x", i, Value::Null)).collect();
        let errors = build("a", rows).errors;
        assert_eq!(errors.len(), 50);
        assert_eq!(errors[49].execution_end, "1970-01-01T00:00:00.010Z");
    }
}
