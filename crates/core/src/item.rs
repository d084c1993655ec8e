//! One execution as its readers see it, by the names of the events: an answer and a list in Redis
//! show the same. A field that changes here changes the layout of Redis (`crates/live/src/layout.rs`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bucket::rfc3339;
use crate::execution::{Details, Execution, Origin, TokenUsage};
use crate::kind::Kind;
use crate::tally::{Tally, dollars};
use crate::usage::ModelUsage;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Execution")]
pub struct Item<'a> {
    pub agent_id: Cow<'a, str>,
    pub agent_name: Cow<'a, str>,
    pub agent_type: Cow<'a, str>,
    // Version 0.1.0 does not send it; this version always does.
    #[serde(default)]
    #[schemars(!default)]
    pub kind: Kind,
    /// No hook reported it: it was found by its transcript.
    // As the kind.
    #[serde(default)]
    #[schemars(!default)]
    pub is_discovered: bool,
    /// `running`, else how it ended.
    #[schemars(extend("enum" = ["running", "success", "failure", "timeout"]))]
    pub status: Cow<'a, str>,
    #[schemars(extend("format" = "date-time"))]
    pub execution_start: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    pub execution_end: Option<String>,
    pub duration_ms: Option<u64>,
    pub error_details: Option<Cow<'a, Details>>,
    pub tools_used: Vec<Cow<'a, str>>,
    pub tool_calls: Cow<'a, BTreeMap<String, u64>>,
    /// Calls that failed; null if no hook reported it.
    pub tool_errors: Option<u64>,
    pub token_usage: Option<Tokens>,
    /// Some of its numbers came to more than a run counts for, and count as that: 10^12 tokens of
    /// each kind, 1,000,000 dollars.
    // Version 0.1.0 does not send it; this version always does.
    #[serde(default)]
    #[schemars(!default)]
    pub is_capped: bool,
    /// Requests and tokens by the model's id; null if no transcript was read.
    pub usage_by_model: Option<Cow<'a, BTreeMap<String, ModelUsage>>>,
    /// Why the transcript could not be read; null if it was, or if there is none.
    pub unreadable: Option<Cow<'a, str>>,
    pub performance_metrics: Option<Cow<'a, Details>>,
    pub task_metadata: Option<Cow<'a, Details>>,
    pub output_metrics: Option<Cow<'a, Details>>,
    pub task_description: Option<Cow<'a, str>>,
    pub tools_granted: Cow<'a, [String]>,
    pub context_size: Option<u64>,
    pub session_id: Option<Cow<'a, str>>,
    /// Sessions into which it went on: its client left the one in which it began.
    // As the kind.
    #[serde(default)]
    #[schemars(!default)]
    pub later_sessions: Cow<'a, [String]>,
    pub parent_agent_id: Option<Cow<'a, str>>,
    /// Launches below the main thread; null if no hook reported it.
    pub depth: Option<u64>,
    pub model: Option<Cow<'a, str>>,
    /// The folder of the repository in which it worked, the home folder as `~`.
    // Version 0.1.0 does not send these two.
    #[serde(default)]
    #[schemars(!default)]
    pub project: Option<Cow<'a, str>>,
    /// The branch that was checked out there when it began.
    #[serde(default)]
    #[schemars(!default)]
    pub branch: Option<Cow<'a, str>>,
    pub host: Option<Cow<'a, str>>,
    pub source: Option<Cow<'a, str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TokenUsage")]
pub struct Tokens {
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_write_tokens: u64,
    pub total_tokens: u64,
    /// Dollars; null if the price of the model is not known.
    pub estimated_cost: Option<f64>,
}

impl<'a> Item<'a> {
    /// Of a running execution, with its usage so far.
    pub fn running(execution: &'a Execution, spent: Option<TokenUsage>) -> Item<'a> {
        let item = Item::of(execution);
        Item {
            token_usage: spent.map(Tokens::from).or(item.token_usage),
            ..item
        }
    }

    pub fn of(execution: &'a Execution) -> Item<'a> {
        let (start, stop) = (execution.start.as_ref(), execution.stop.as_ref());
        let outcome = execution.outcome();
        let origin = |field: fn(&Origin) -> &Option<String>| execution.origin(field).map(Cow::from);
        Item {
            agent_id: (&*execution.id).into(),
            agent_name: execution.agent_name().into(),
            agent_type: execution.agent_type().into(),
            kind: execution.kind(),
            is_discovered: execution.is_discovered(),
            status: outcome
                .map_or("running", |outcome| outcome.status.as_str())
                .into(),
            execution_start: execution.started_ms().map(rfc3339),
            execution_end: outcome.map(|outcome| rfc3339(outcome.ended_ms)),
            duration_ms: outcome.and_then(|outcome| outcome.duration_ms),
            error_details: execution.error_details(),
            tools_used: tools_used(execution),
            tool_calls: Cow::Borrowed(execution.tool_calls()),
            tool_errors: execution.tool_errors(),
            token_usage: tokens(execution),
            is_capped: execution.is_capped(),
            usage_by_model: execution.usage().map(|usage| Cow::Borrowed(&usage.models)),
            unreadable: execution.unreadable().map(Cow::from),
            performance_metrics: stop
                .and_then(|stop| stop.performance_metrics.as_ref())
                .map(Cow::Borrowed),
            task_metadata: stop
                .and_then(|stop| stop.task_metadata.as_ref())
                .map(Cow::Borrowed),
            output_metrics: stop
                .and_then(|stop| stop.output_metrics.as_ref())
                .map(Cow::Borrowed),
            task_description: execution.task_description().map(Cow::from),
            tools_granted: start.map_or(&[][..], |start| &start.tools_granted).into(),
            context_size: start.and_then(|start| start.context_size),
            session_id: origin(|origin| &origin.session_id),
            later_sessions: execution.later_sessions().into(),
            parent_agent_id: origin(|origin| &origin.parent_agent_id),
            depth: execution.depth(),
            model: execution.model().map(Cow::from),
            project: execution.project().map(Cow::from),
            branch: execution.branch().map(Cow::from),
            host: execution.host().map(Cow::from),
            source: origin(|origin| &origin.source),
        }
    }
}

/// As the stop listed them; one that only counted calls used those tools.
fn tools_used(execution: &Execution) -> Vec<Cow<'_, str>> {
    match &execution.stop {
        Some(stop) if !stop.tools_used.is_empty() => {
            stop.tools_used.iter().map(Cow::from).collect()
        }
        _ => {
            let tools = execution.tools().into_iter();
            tools.map(|(tool, _)| tool.into()).collect()
        }
    }
}

/// With the cost that counts.
fn tokens(execution: &Execution) -> Option<Tokens> {
    let usage = execution.token_usage()?;
    Some(Tokens::from(TokenUsage {
        cost_micros: execution.cost_micros(),
        ..usage
    }))
}

/// Of many executions: the cost of those whose price is known.
impl From<Tally> for Tokens {
    fn from(tally: Tally) -> Tokens {
        Tokens {
            input_tokens: tally.input_tokens.cast_unsigned(),
            output_tokens: tally.output_tokens.cast_unsigned(),
            cache_read_tokens: tally.cache_read_tokens.cast_unsigned(),
            cache_write_tokens: tally.cache_write_tokens.cast_unsigned(),
            total_tokens: tally.total_tokens.cast_unsigned(),
            estimated_cost: Some(tally.cost()),
        }
    }
}

impl From<TokenUsage> for Tokens {
    fn from(usage: TokenUsage) -> Tokens {
        Tokens {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_read_tokens: usage.cache_read_tokens,
            cache_write_tokens: usage.cache_write_tokens,
            total_tokens: usage.total_tokens,
            estimated_cost: usage.cost_micros.map(dollars),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn execution(json: Value) -> Execution {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn an_ended_execution_by_its_names() {
        let execution = execution(json!({
            "id": "x", "resolved": {"agent_type": "analyzer", "cost_micros": 7_600},
            "start": {"agent_name": "a", "started_ms": 1_000},
            "stop": {
                "ended_ms": 3_500, "status": "failure", "session_id": "s",
                "error_details": {"type": "ValidationError"},
                "tool_calls": {"Read": 5, "Bash": 0},
                "token_usage": {
                    "input_tokens": 10, "output_tokens": 20, "cache_read_tokens": 3,
                    "cache_write_tokens": 4, "total_tokens": 30, "cost_micros": 7_600,
                },
                "output_metrics": {"files_created": 2},
            },
        }));
        let expect = json!({
            "agent_id": "x", "agent_name": "a", "agent_type": "analyzer", "status": "failure",
            "execution_start": "1970-01-01T00:00:01.000Z",
            "execution_end": "1970-01-01T00:00:03.500Z", "duration_ms": 2500,
            "error_details": {"type": "ValidationError"}, "tools_used": ["Read"],
            "tool_calls": {"Bash": 0, "Read": 5}, "tool_errors": null, "usage_by_model": null,
            "token_usage": {
                "input_tokens": 10, "output_tokens": 20, "cache_read_tokens": 3,
                "cache_write_tokens": 4, "total_tokens": 30, "estimated_cost": 0.0076,
            },
            "is_capped": false, "kind": "agent", "is_discovered": false, "later_sessions": [],
            "unreadable": null, "performance_metrics": null, "task_metadata": null,
            "output_metrics": {"files_created": 2},
            "task_description": null, "tools_granted": [], "context_size": null,
            "session_id": "s", "parent_agent_id": null, "depth": null, "model": null, "project": null,
            "branch": null, "host": null, "source": null,
        });
        assert_eq!(serde_json::to_value(Item::of(&execution)).unwrap(), expect);
    }

    #[test]
    fn tools_are_listed_as_they_were_named() {
        let execution = execution(json!({
            "id": "x", "resolved": {"agent_type": "t"},
            "stop": {
                "ended_ms": 1, "status": "success", "tools_used": ["Write", "Bash"],
                "tool_calls": {"Read": 1},
            },
        }));
        assert_eq!(tools_used(&execution), ["Write", "Bash"]);
    }
}
