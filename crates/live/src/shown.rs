//! The JSON of single executions in Redis, by the names that events and answers use.

use serde::Serialize;

use agentpulse_core::bucket::rfc3339;
use agentpulse_core::execution::{Details, Execution, Status};
use agentpulse_core::item::{Item, Tokens};
use agentpulse_core::kind::Kind;
use agentpulse_core::view::{Active, Failed};

/// Of the error of an execution in the list of its agent: the list of errors has more of it.
const ERROR_BYTES: usize = 2 << 10;

/// The content of `agent:active:{id}`.
#[derive(Serialize)]
struct Running<'a> {
    agent_id: &'a str,
    agent_name: &'a str,
    agent_type: &'a str,
    kind: Kind,
    start_time: String,
    task_description: Option<&'a str>,
    tools_granted: &'a [String],
    context_size: Option<u64>,
    session_id: Option<&'a str>,
    parent_agent_id: Option<&'a str>,
    depth: Option<u64>,
    model: Option<&'a str>,
    project: Option<&'a str>,
    branch: Option<&'a str>,
    host: Option<&'a str>,
    source: Option<&'a str>,
    progress: Option<f64>,
    current_tool: Option<&'a str>,
    last_seen: Option<String>,
    deadline: Option<String>,
    /// So far; in no total.
    token_usage: Option<Tokens>,
}

/// An element of `agent:errors:{agent_name}`.
#[derive(Serialize)]
struct Failure<'a> {
    agent_id: &'a str,
    agent_name: &'a str,
    agent_type: &'a str,
    status: Status,
    execution_end: String,
    error_details: Option<&'a Details>,
}

pub(super) fn running(active: &Active) -> String {
    json(&Running {
        agent_id: &active.agent_id,
        agent_name: &active.agent_name,
        agent_type: &active.agent_type,
        kind: active.kind,
        start_time: rfc3339(active.started_ms),
        task_description: active.task_description.as_deref(),
        tools_granted: &active.tools_granted,
        context_size: active.context_size,
        session_id: active.session_id.as_deref(),
        parent_agent_id: active.parent_agent_id.as_deref(),
        depth: active.depth,
        model: active.model.as_deref(),
        project: active.project.as_deref(),
        branch: active.branch.as_deref(),
        host: active.host.as_deref(),
        source: active.source.as_deref(),
        progress: active.progress,
        current_tool: active.current_tool.as_deref(),
        last_seen: active.last_sign_ms.map(rfc3339),
        deadline: active.deadline_ms.map(rfc3339),
        token_usage: active.token_usage.map(Tokens::from),
    })
}

/// An element of `agent:history:{agent_name}`.
pub(super) fn ended(execution: &Execution) -> String {
    json(&Item::of(&execution.clone().listed(ERROR_BYTES)))
}

pub(super) fn failed(failed: &Failed) -> String {
    json(&Failure {
        agent_id: &failed.agent_id,
        agent_name: &failed.agent_name,
        agent_type: &failed.agent_type,
        status: failed.status,
        execution_end: rfc3339(failed.ended_ms),
        error_details: failed.error_details.as_ref(),
    })
}

/// A moment as the score of a sorted set: Unix seconds, with the milliseconds.
pub(super) fn score_s(time_ms: i64) -> String {
    let (sign, ms) = (if time_ms < 0 { "-" } else { "" }, time_ms.unsigned_abs());
    format!("{sign}{}.{:03}", ms / 1_000, ms % 1_000)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("what is stored has string keys and writes to memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_seconds() {
        for (time_ms, score) in [
            (1_736_157_600_123, "1736157600.123"),
            (-5, "-0.005"),
            (0, "0.000"),
        ] {
            assert_eq!(score_s(time_ms), score);
            assert_eq!(score.parse::<f64>().unwrap(), time_ms as f64 / 1e3);
        }
    }
}
