//! Which agent fits, and what is known of one.

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::Tool;
use crate::cli::mcp::caller::{Caller, word};
use crate::cli::mcp::routes::{Api, Input};
use crate::cli::mcp::rpc::Params;
use crate::cli::mcp::said::Said;
use agentpulse_client::AskError;
use agentpulse_client::path::encoded;

const SELECT: &str = "/api/agents/select";
/// Agents that no client has; their prompts are handed on.
const LIBRARY: &str = "library";
const DEFINITION: &str = "/api/registry/agents/{id}";

pub fn tools(api: &Api) -> Vec<Tool> {
    vec![
        Tool::new(
            "select_agent",
            "Names the agent that should take a task, and why; by default of this project.",
            select_input(api),
            select,
        ),
        Tool::new(
            "agent_info",
            "What is known of one agent: its definition, what runs of it, its results, its cost.",
            info_input(api),
            info,
        )
        .read_only(),
    ]
}

fn select_input(api: &Api) -> Input {
    let settings = ["explore", "weights"];
    let known_or_rare = ["context.phase", "context.session_id", "context.with"];
    let input = api.route("post", SELECT).input();
    input.without(&settings).without(&known_or_rare)
}

fn info_input(api: &Api) -> Input {
    let of_read = ["body", "branch", "by", "host", "kind", "timeRange"];
    api.route("get", DEFINITION).input().without(&of_read)
}

async fn select(caller: Arc<Caller>, mut arguments: Params) -> Result<Said, Said> {
    if let Some(project) = &caller.project {
        arguments.entry("project").or_insert_with(|| json!(project));
    }
    if let Some(session) = &caller.session
        && let Value::Object(context) = arguments.entry("context").or_insert_with(|| json!({}))
    {
        context
            .entry("session_id")
            .or_insert_with(|| json!(session));
    }
    let selected = caller.send(SELECT, arguments).await?;
    let lead = match selected["recommendation"].as_str() {
        Some(name) => {
            let of_it = |agent: &&Value| agent["agent_id"] == selected["recommended_id"];
            let best = all(&selected["agents"]).find(of_it).unwrap_or(&Value::Null);
            let next = next(name, &best["agent_id"], best["launch"] == LIBRARY);
            format!("{name} fits best: {}. {next}", reasons(best))
        }
        None => format!(
            "No agent fits: {}. Next: do it yourself, or say more of the task.",
            reasons(&selected)
        ),
    };
    let agent = |agent: &Value| {
        json!({
            "agent_id": agent["agent_id"],
            "launch": agent["launch"],
            "name": agent["name"],
            "score": agent["score"],
            "why": reasons(agent),
        })
    };
    let shown = json!({
        "agents": all(&selected["agents"]).map(agent).collect::<Vec<Value>>(),
        "confidence": selected["confidence"],
        "rejected": selected["rejected"],
        "selection_id": selected["selection_id"],
        "unknown_terms": selected["query"]["unknown_terms"],
    });
    let rest = "For less, call it with a smaller limit.";
    Ok(Said::answer(&lead, &shown, rest))
}

fn all(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn reasons(of: &Value) -> String {
    let reasons: Vec<String> = all(&of["reasons"]).map(word).collect();
    reasons.join("; ")
}

/// No client knows the name of an agent of the library.
fn next(name: &str, id: &Value, is_of_library: bool) -> String {
    match is_of_library {
        true => format!(
            "Next: launch a general-purpose agent, with what this reads as its prompt: read \
             \"/api/registry/agents/{}\", query {{\"body\": true}}, field \"/body\".",
            word(id)
        ),
        false => format!(
            "Next: launch the agent {name}, or call task_create with assigned_to \"{name}\"."
        ),
    }
}

/// What has no definition may have run.
async fn info(caller: Arc<Caller>, mut arguments: Params) -> Result<Said, Said> {
    let name = arguments
        .remove("id")
        .as_ref()
        .map(word)
        .unwrap_or_default();
    let part = encoded(&name);
    let path = format!("/api/registry/agents/{part}");
    match caller.read(&path, &arguments).await {
        Err(AskError::Refused(StatusCode::NOT_FOUND, _)) => {}
        info => {
            let info = info?;
            let is_of_library = info["scope"] == LIBRARY;
            let next = next(&word(&info["run_name"]), &info["agent_id"], is_of_library);
            let lead = format!("{next} What went wrong: read \"/api/agents/errors/{part}\".");
            return Ok(Said::answer(&lead, &info, &rest(&path)));
        }
    }
    let path = format!("/api/agents/performance/{part}");
    match caller.read(&path, &arguments).await {
        Err(AskError::Refused(StatusCode::NOT_FOUND, _)) => Err(Said::error(format!(
            "no definition and no execution has the name {name}; read \"/api/registry/agents\" \
             lists those that are defined, select_agent finds one for a task"
        ))),
        info => {
            let lead = format!(
                "{name} has no definition, and ran. What went wrong: read \
                 \"/api/agents/errors/{part}\"."
            );
            Ok(Said::answer(&lead, &info?, &rest(&path)))
        }
    }
}

fn rest(path: &str) -> String {
    format!("The rest: read \"{path}\" with a field or an offset.")
}
