//! The plain events: `start`, `progress` and `stop` of an execution.

use super::fields::Fields;
use super::json::scalar;
use super::line_key::LineKey;
use agentpulse_core::error::Rejection;
use agentpulse_core::event::{Event, Progress};
use agentpulse_core::execution::{Fact, Start, Stop};
use agentpulse_core::sketch::MAX_DURATION_MS;

pub(crate) fn start(fields: &Fields) -> Result<Event, Rejection> {
    let id = fields.required_name("agent_id")?;
    let agent_name = fields.required_name("agent_name")?;
    let now_ms = fields.clock.now_ms;
    let started_ms = fields.time("start_time")?.unwrap_or(now_ms);
    let started_ms = fields.remembered("start_time", started_ms)?;
    let start = Start {
        agent_name,
        agent_type: fields.name("agent_type")?,
        started_ms,
        task_description: fields.text("task_description")?,
        tools_granted: fields.names("tools_granted")?,
        context_size: fields.count("context_size")?,
        origin: fields.origin()?,
    };
    Ok(Event::Fact {
        id,
        fact: Fact::Start(Box::new(start)),
    })
}

pub(crate) fn progress(fields: &Fields) -> Result<Event, Rejection> {
    let id = fields.required_name("agent_id")?;
    let progress = match fields.object.get("progress") {
        None => None,
        Some(value) => match scalar(value).and_then(|share| share.as_f64()) {
            // A zero has no sign in an answer.
            Some(share) if (0.0..=1.0).contains(&share) => Some(share.abs()),
            _ => return Err(fields.refuse("progress must be 0..=1")),
        },
    };
    let observed_ms = fields.time("timestamp")?;
    let current_tool = fields.name("current_tool")?;
    Ok(Event::Progress(Progress {
        observed_ms,
        id,
        progress,
        current_tool,
        tool_call: None,
    }))
}

/// A stop without an id is a whole run: no start can have named it. Without a name, too, it says
/// nothing of any agent.
pub(crate) fn stop(fields: &Fields, key: LineKey) -> Result<Event, Rejection> {
    let (id, agent_name) = (fields.name("agent_id")?, fields.name("agent_name")?);
    if id.is_none() && agent_name.is_none() {
        return Err(fields.refuse("agent_id is required, or agent_name of a whole run"));
    }
    let now_ms = fields.clock.now_ms;
    let ended_ms = fields.time("execution_end")?.unwrap_or(now_ms);
    let ended_ms = fields.remembered("execution_end", ended_ms)?;
    let started_ms = fields.time("execution_start")?;
    let stop = Stop {
        agent_name,
        agent_type: fields.name("agent_type")?,
        started_ms: started_ms.map(|time_ms| fields.not_ahead(time_ms)),
        ended_ms,
        duration_ms: fields.number("duration_ms", MAX_DURATION_MS)?,
        status: fields.status()?,
        error_details: fields.details("error_details")?,
        tools_used: fields.names("tools_used")?,
        tool_calls: fields.calls("tool_calls")?,
        token_usage: fields.token_usage()?,
        performance_metrics: fields.details("performance_metrics")?,
        task_metadata: fields.details("task_metadata")?,
        output_metrics: fields.details("output_metrics")?,
        origin: fields.origin()?,
    };
    Ok(Event::Fact {
        id: id.unwrap_or_else(|| key.run_id()),
        fact: Fact::Stop(Box::new(stop)),
    })
}
