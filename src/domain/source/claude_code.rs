//! Claude Code. Its `agent_type` is the agent's name, and its payloads carry no time: the hook
//! program's stamp is the time of everything.

use serde_json::{Map, Value};

use crate::domain::error::Refusal;
use crate::domain::event::{Event, Fields, Progress};
use crate::domain::execution::{Fact, Origin, Start, Status, Stop};

const SOURCE: &str = "claude-code";

pub fn translate(mut payload: Fields, observed_ms: i64) -> Result<Event, Refusal> {
    // Without an agent_id it is the main thread that speaks, which is no agent.
    let (Some(id), Some(hook)) = (payload.name("agent_id")?, payload.name("hook_event_name")?)
    else {
        return Ok(Event::Ignored);
    };
    match hook.as_str() {
        "SubagentStart" => start(payload, id, observed_ms),
        "SubagentStop" => stop(payload, id, observed_ms, Status::Success),
        "StopFailure" => stop(payload, id, observed_ms, Status::Failure),
        "PreToolUse" => sign_of_life(payload, id, true),
        "PostToolUse" | "PostToolUseFailure" => sign_of_life(payload, id, false),
        _ => Ok(Event::Ignored),
    }
}

fn start(mut payload: Fields, id: String, observed_ms: i64) -> Result<Event, Refusal> {
    let start = Start {
        agent_name: payload.required_name("agent_type")?,
        agent_type: None,
        started_ms: observed_ms,
        task_description: None,
        tools_granted: Vec::new(),
        context_size: None,
        origin: origin(&mut payload)?,
    };
    Ok(Event::Fact {
        id,
        fact: Fact::Start(Box::new(start)),
    })
}

/// A stop with an empty name comes from an internal fork that never started: no execution.
fn stop(
    mut payload: Fields,
    id: String,
    observed_ms: i64,
    status: Status,
) -> Result<Event, Refusal> {
    if payload.map.get("agent_type").and_then(Value::as_str) == Some("") {
        return Ok(Event::Ignored);
    }
    let error_details = match payload.name("error")? {
        Some(error) if status == Status::Failure => {
            Some(Map::from_iter([("type".to_owned(), Value::String(error))]))
        }
        _ => None,
    };
    let stop = Stop {
        agent_name: payload.name("agent_type")?,
        agent_type: None,
        started_ms: None,
        ended_ms: observed_ms,
        duration_ms: None,
        status,
        error_details,
        tools_used: Vec::new(),
        tool_calls: Default::default(),
        token_usage: None,
        performance_metrics: None,
        task_metadata: None,
        output_metrics: None,
        origin: origin(&mut payload)?,
    };
    Ok(Event::Fact {
        id,
        fact: Fact::Stop(Box::new(stop)),
    })
}

fn sign_of_life(mut payload: Fields, id: String, tool_open: bool) -> Result<Event, Refusal> {
    let current_tool = if tool_open {
        payload.name("tool_name")?
    } else {
        None
    };
    Ok(Event::Progress(Progress {
        id,
        progress: None,
        current_tool,
        tool_open: Some(tool_open),
    }))
}

fn origin(payload: &mut Fields) -> Result<Origin, Refusal> {
    Ok(Origin {
        session_id: payload.name("session_id")?,
        source: Some(SOURCE.to_owned()),
        ..Origin::default()
    })
}
