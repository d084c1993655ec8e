//! The payloads of Claude Code's hooks. Its `agent_type` is the agent's name, and its payloads
//! carry no time: the hook program's stamp is the time of everything. What has no `agent_id` comes
//! from the main thread, of which each turn is an agent, known by the id of its prompt.

use super::background::in_background;
use crate::fields::Fields;
use crate::json::items;
use agentpulse_core::error::Rejection;
use agentpulse_core::event::Event;
use agentpulse_core::execution::UNKNOWN_ERROR;
use agentpulse_core::kind::Kind;
use agentpulse_core::limits::MAX_AHEAD_MS;
use agentpulse_core::turns::{
    AgentSignal, HookEvent, Imported, Launched, Outcome, SessionEvent, Signal, main_id, prompt_of,
    turn_of,
};

/// Its name as a source.
pub const NAME: &str = "claude-code";

/// Turns of one imported line; more come in further lines.
const MAX_IMPORTED: usize = 256;
/// The client's are UUIDs.
const MAX_PROMPT_ID_BYTES: usize = 128;

pub(crate) fn translate(payload: &Fields, line: u64, observed_ms: i64) -> Result<Event, Rejection> {
    let Some(event) = payload.name("hook_event_name")? else {
        return Err(payload.refuse("payload.hook_event_name is required"));
    };
    let session_id = payload.name("session_id")?;
    let agent_id = own_id(payload.name("agent_id")?, payload)?;
    let signals = match agent_id {
        None if session_id.is_some() => of_main(&event, payload)?,
        // Without a session nothing says which turn it is.
        None => match event.as_str() {
            "PostToolUse" => tool_ended(payload, None, false)?,
            _ => Vec::new(),
        },
        Some(id) => of_agent(&event, id, payload)?,
    };
    if signals.is_empty() {
        return Ok(Event::Ignored);
    }
    Ok(Event::Hook(Box::new(HookEvent {
        source: NAME,
        line,
        at_ms: observed_ms,
        session_id,
        signals,
    })))
}

fn of_agent(event: &str, id: String, payload: &Fields) -> Result<Vec<Signal>, Rejection> {
    Ok(match event {
        "SubagentStart" => {
            // Empty is a name that the client left out; without the field it is no start.
            let name = match payload.object.string("agent_type").as_deref() {
                Some("") => None,
                _ => Some(payload.required_name("agent_type")?),
            };
            let prompt = prompt_id(payload);
            vec![agent(payload, id, AgentSignal::Started { name, prompt })?]
        }
        "SubagentStop" => stopped(payload, id, payload.name("agent_type")?, None)?,
        "StopFailure" => {
            let name = payload.name("agent_type")?;
            stopped(payload, id, name, Some(failure(payload)))?
        }
        event => of_either(event, id, payload)?,
    })
}

/// Older clients name no prompt: of their main thread nothing is known but its launches.
fn of_main(event: &str, payload: &Fields) -> Result<Vec<Signal>, Rejection> {
    let session = |event| Ok(vec![Signal::Session(event)]);
    match event {
        "SessionStart" if detail(payload, "source").as_deref() == Some("resume") => {
            return session(SessionEvent::Ended);
        }
        "SessionEnd" => {
            let goes_on = ["clear", "resume"];
            let reason = detail(payload, "reason");
            let goes_on = reason.is_some_and(|reason| goes_on.contains(&reason.as_str()));
            return session(match goes_on {
                true => SessionEvent::Left,
                false => SessionEvent::Ended,
            });
        }
        _ => {}
    }
    let Some(prompt) = prompt_id(payload) else {
        return match event {
            "PostToolUse" => tool_ended(payload, None, false),
            _ => Ok(Vec::new()),
        };
    };
    let id = main_id(&prompt);
    let name = Some(main_name(payload));
    Ok(match event {
        "UserPromptSubmit" => {
            let started = AgentSignal::Started { name, prompt: None };
            let began = agent(payload, id, started)?;
            vec![Signal::Session(SessionEvent::Prompted(prompt)), began]
        }
        "Stop" => {
            let mut signals = stopped(payload, id, name, None)?;
            signals.extend(in_background(payload));
            signals
        }
        "StopFailure" => stopped(payload, id, name, Some(failure(payload)))?,
        event => of_either(event, id, payload)?,
    })
}

/// What an agent and a turn of the main thread report alike.
fn of_either(event: &str, id: String, payload: &Fields) -> Result<Vec<Signal>, Rejection> {
    Ok(match event {
        "PreToolUse" => tool_began(payload, id)?,
        "PostToolUse" => tool_ended(payload, Some(id), false)?,
        "PostToolUseFailure" => tool_ended(payload, Some(id), true)?,
        "Imported" => vec![imported(payload, id)?],
        _ => Vec::new(),
    })
}

/// The prompt of a turn of the main thread. One that is longer than any of a client, or that makes
/// an id which reads as that of a later turn, is as good as none.
fn prompt_id(payload: &Fields) -> Option<String> {
    let prompt = detail(payload, "prompt_id")?;
    let is_sound = prompt.len() <= MAX_PROMPT_ID_BYTES && turn_of(&prompt).1 == 1;
    is_sound.then_some(prompt)
}

fn failure(payload: &Fields) -> String {
    detail(payload, "error").unwrap_or_else(|| UNKNOWN_ERROR.to_owned())
}

/// An agent may stand in for the main thread.
fn main_name(payload: &Fields) -> String {
    detail(payload, "agent_type").unwrap_or_else(|| Kind::Main.as_str().to_owned())
}

fn tool_began(payload: &Fields, id: String) -> Result<Vec<Signal>, Rejection> {
    Ok(match detail(payload, "tool_name") {
        Some(name) => {
            let use_id = detail(payload, "tool_use_id");
            vec![agent(payload, id, AgentSignal::ToolBegan { use_id, name })?]
        }
        None => Vec::new(),
    })
}

/// A stop with an empty name comes from an internal fork that never started, unless a start says
/// otherwise.
fn stopped(
    payload: &Fields,
    id: String,
    name: Option<String>,
    failure: Option<String>,
) -> Result<Vec<Signal>, Rejection> {
    let what = AgentSignal::Stopped {
        name,
        failure,
        again: payload.flag("stop_hook_active").unwrap_or(false),
    };
    Ok(vec![agent(payload, id, what)?])
}

/// Besides the call itself, the answer to a launch names the agent that was launched, and
/// `TaskStop` the one that was stopped.
fn tool_ended(
    payload: &Fields,
    agent_id: Option<String>,
    failed: bool,
) -> Result<Vec<Signal>, Rejection> {
    let Some(name) = detail(payload, "tool_name") else {
        return Ok(Vec::new());
    };
    let mut signals = Vec::new();
    let other = match name.as_str() {
        "Agent" | "Task" if !failed => {
            let response = payload.within("tool_response")?;
            let is_teammate = detail(&response, "status").as_deref() == Some("teammate_spawned");
            let launched = Launched {
                parent: agent_id.clone().filter(|id| prompt_of(id).is_none()),
                model: detail(&response, "resolvedModel"),
                kind: is_teammate.then_some(Kind::Teammate),
                agent_type: detail(&response, "agent_type").filter(|_| is_teammate),
            };
            let child = response.name("agentId")?;
            let child = own_id(child, payload)?.filter(|child| agent_id.as_ref() != Some(child));
            child.map(|id| (id, AgentSignal::Launched(launched)))
        }
        "TaskStop" if !failed && stops_workflow(payload)? => {
            signals.push(Signal::Session(SessionEvent::WorkflowStopped));
            None
        }
        "TaskStop" if !failed => {
            let id = payload.within("tool_input")?.name("task_id")?;
            own_id(id, payload)?.map(|id| (id, AgentSignal::Closed))
        }
        _ => None,
    };
    if let Some((id, what)) = other {
        if let AgentSignal::Launched(Launched {
            parent: Some(parent),
            ..
        }) = &what
        {
            signals.push(Signal::Agent {
                id: parent.clone(),
                what: AgentSignal::HasLaunched { child: id.clone() },
                transcript: None,
            });
        }
        let transcript = of_session(payload, &id);
        signals.push(Signal::Agent {
            id,
            what,
            transcript,
        });
    }
    if let Some(id) = agent_id {
        let what = AgentSignal::ToolEnded {
            use_id: detail(payload, "tool_use_id"),
            name,
            failed,
        };
        signals.push(agent(payload, id, what)?);
    }
    Ok(signals)
}

fn stops_workflow(payload: &Fields) -> Result<bool, Rejection> {
    let response = payload.within("tool_response")?;
    Ok(detail(&response, "task_type").as_deref() == Some("local_workflow"))
}

/// What is worth less than the line that it stands in: of another form than a name it is absent.
fn detail(fields: &Fields, field: &str) -> Option<String> {
    fields.name(field).ok().flatten()
}

/// The id of an agent. One that reads as the id of a later turn, or of a turn of the main thread,
/// would be taken for that.
fn own_id(id: Option<String>, payload: &Fields) -> Result<Option<String>, Rejection> {
    match id {
        Some(id) if turn_of(&id).1 > 1 => Err(payload.refuse("agent_id must not end as a turn")),
        Some(id) if prompt_of(&id).is_some() => {
            Err(payload.refuse("agent_id must not begin as a turn of the main thread"))
        }
        id => Ok(id),
    }
}

fn imported(payload: &Fields, id: String) -> Result<Signal, Rejection> {
    let name = match prompt_of(&id) {
        Some(_) => Some(main_name(payload)),
        None => payload.name("agent_type")?,
    };
    let turns = payload.object.get("turns");
    let turns = match turns.and_then(|turns| items(turns, MAX_IMPORTED + 1)) {
        Some(turns) if (1..=MAX_IMPORTED).contains(&turns.len()) => turns,
        _ => {
            return Err(payload.refuse(format_args!("turns must be a list of 1..={MAX_IMPORTED}")));
        }
    };
    let turns = turns
        .into_iter()
        .map(|turn| imported_turn(&payload.of_value("turns", turn)?))
        .collect::<Result<_, _>>()?;
    agent(payload, id, AgentSignal::Imported { name, turns })
}

fn imported_turn(turn: &Fields) -> Result<Imported, Rejection> {
    let (Some(started_ms), Some(ended_ms)) = (turn.time("started_at")?, turn.time("ended_at")?)
    else {
        return Err(turn.refuse("turns: started_at and ended_at are required"));
    };
    turn.remembered("ended_at", ended_ms)?;
    if turn.clock.is_ahead(ended_ms) {
        // Taken at receipt it would be another turn each time that it is sent.
        return Err(turn.refuse(format_args!(
            "turns: ended_at must be at most {} min ahead",
            MAX_AHEAD_MS / 60_000
        )));
    }
    let outcome = match turn.name("outcome")?.as_deref() {
        Some("success") => Outcome::Success,
        Some("failure") => Outcome::Failure,
        Some("interrupted") => Outcome::Interrupted,
        _ => {
            let words = "turns: outcome must be one of success, failure, interrupted";
            return Err(turn.refuse(words));
        }
    };
    Ok(Imported {
        started_ms: started_ms.min(ended_ms),
        ended_ms,
        outcome,
        prompt: prompt_id(turn),
    })
}

fn agent(payload: &Fields, id: String, what: AgentSignal) -> Result<Signal, Rejection> {
    let own = payload.path("agent_transcript_path");
    let transcript = own
        .map(|path| (path, true))
        .or_else(|| of_session(payload, &id));
    Ok(Signal::Agent {
        id,
        what,
        transcript,
    })
}

/// Where the transcripts of a session's agents lie, by the path of its own.
fn of_session(payload: &Fields, id: &str) -> Option<(String, bool)> {
    let main = payload.path("transcript_path")?;
    if prompt_of(id).is_some() {
        return Some((main, true));
    }
    main.strip_suffix(".jsonl")
        .map(|session| (format!("{session}/subagents/agent-{id}.jsonl"), false))
}
