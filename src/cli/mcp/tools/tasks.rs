//! Tasks: made, and worked on.

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::Tool;
use crate::cli::mcp::caller::{Caller, word};
use crate::cli::mcp::routes::{Api, Input};
use crate::cli::mcp::rpc::Params;
use crate::cli::mcp::said::Said;
use agentpulse_client::AskError;

const TASKS: &str = "/api/tasks";
const CLAIM: &str = "/api/tasks/claim";
/// A lease is to be renewed so often.
const BEATS_A_LEASE: i64 = 3;

pub fn tools(api: &Api) -> Vec<Tool> {
    let held = |what: &str| {
        api.route("post", &format!("/api/tasks/{{id}}/{what}"))
            .input()
    };
    vec![
        Tool::new(
            "task_create",
            "Makes a task for a role, an agent, or `auto`. It is made by this session by default.",
            api.route("post", TASKS).input().optional("created_by"),
            create,
        ),
        Tool::new(
            "task_claim",
            "Takes the next task of a role or an agent. The worker is this session by default: where \
             no hooks are installed, agents that work side by side in one session must each name a \
             worker of their own.",
            claim_input(api),
            claim,
        ),
        Tool::new(
            "task_heartbeat",
            "Renews the lease of a task that you hold, and says whether you are to give it up.",
            held("heartbeat"),
            beat,
        ),
        Tool::new(
            "task_complete",
            "Ends a task that you hold with its result, and hands it on if asked to.",
            held("complete"),
            complete,
        ),
        Tool::new(
            "task_fail",
            "Ends your attempt without success; the task is tried again later, or has failed.",
            held("fail"),
            fail,
        ),
        Tool::new(
            "task_block",
            "Asks a question about a task that you hold, and lets go of it: the answer makes it \
             claimable again.",
            held("block"),
            block,
        ),
    ]
}

/// The daemon knows the execution by the call.
fn claim_input(api: &Api) -> Input {
    let input = api.route("post", CLAIM).input();
    input.optional("worker").without(&["execution_id"])
}

async fn create(caller: Arc<Caller>, mut arguments: Params) -> Result<Said, Said> {
    arguments
        .entry("created_by")
        .or_insert_with(|| json!(caller.name()));
    let made = caller.send(TASKS, arguments).await?;
    let task = &made["task"];
    let (id, to) = (&task["id"], word(&task["assigned_to"]));
    let what = match made["created"] == true {
        true => format!(
            "Task {id} is made for {to}, and is {}.",
            word(&task["status"])
        ),
        false => format!("Task {id} for {to} has this unique_key and is open already."),
    };
    let redacted = match made["redacted"].as_i64() {
        None | Some(0) => String::new(),
        Some(texts) => {
            format!(" A secret was taken out of {texts} texts: name the place of a secret instead.")
        }
    };
    let next = format!("Next: read \"/api/tasks/{id}\" shows how it goes.");
    Ok(Said::text(format!("{what}{redacted} {next}")))
}

async fn claim(caller: Arc<Caller>, mut arguments: Params) -> Result<Said, Said> {
    let own = || json!(caller.name());
    let worker = word(arguments.entry("worker").or_insert_with(own));
    let claimed = caller.send(CLAIM, arguments).await?;
    if claimed.is_null() {
        let none = "There is no task. Next: call task_claim again with wait 60, or do other work.";
        return Ok(Said::text(none));
    }
    let (task, lease) = (&claimed["task"], &claimed["lease"]);
    let (id, token) = (&task["id"], word(&lease["token"]));
    let every_s = task["lease_s"].as_i64().unwrap_or_default() / BEATS_A_LEASE;
    let lead = format!(
        "Task {id} ({}) is held by {worker} until {}. Next: work on it; call task_heartbeat with \
         id {id} and token \"{token}\" every {every_s} s, then task_complete with this token, or \
         task_fail, or task_block with a question. read \"/api/tasks/{id}\" has its attempts and \
         messages.",
        word(&task["task_type"]),
        word(&lease["expires_at"]),
    );
    let rest = format!("The rest: read \"/api/tasks/{id}\", field \"/task/context\".");
    Ok(Said::answer(&lead, &claimed, &rest))
}

/// Sends what the worker that holds a task says of it; returns the number of the task, too.
async fn held(caller: &Caller, what: &str, mut arguments: Params) -> Result<(i64, Value), Said> {
    let id = arguments.remove("id").and_then(|id| id.as_i64());
    let id = id.unwrap_or_default();
    let path = format!("/api/tasks/{id}/{what}");
    match caller.send(&path, arguments).await {
        Ok(answer) => Ok((id, answer)),
        Err(error @ AskError::Refused(StatusCode::CONFLICT, _)) => Err(Said::error(format!(
            "{error}. Next: stop working on task {id}, and call task_claim for another."
        ))),
        Err(error) => Err(error.into()),
    }
}

async fn beat(caller: Arc<Caller>, arguments: Params) -> Result<Said, Said> {
    let (id, beat) = held(&caller, "heartbeat", arguments).await?;
    let until = word(&beat["expires_at"]);
    if beat["cancel_requested"] == true {
        return Ok(Said::text(format!(
            "Task {id} is to be cancelled. Next: stop working on it, and call task_fail with its \
             token."
        )));
    }
    let unread = match beat["unread_messages"].as_i64() {
        None | Some(0) => String::new(),
        Some(count) => {
            format!(" {count} messages are unread: call message_read with your role or name in to.")
        }
    };
    Ok(Said::text(format!(
        "Task {id} is held until {until}.{unread} Next: go on, call task_heartbeat again before \
         then, and task_complete at the end."
    )))
}

async fn complete(caller: Arc<Caller>, arguments: Params) -> Result<Said, Said> {
    let (id, done) = held(&caller, "complete", arguments).await?;
    let child = &done["child"];
    let follows = match child["id"].as_i64() {
        Some(child_id) => format!(
            " Task {child_id} follows, for {}.",
            word(&child["assigned_to"])
        ),
        None => String::new(),
    };
    Ok(Said::text(format!(
        "Task {id} is completed.{follows} Next: call task_claim for another."
    )))
}

async fn fail(caller: Arc<Caller>, arguments: Params) -> Result<Said, Said> {
    let (id, task) = held(&caller, "fail", arguments).await?;
    let status = word(&task["status"]);
    let again = match task["not_before"].as_str() {
        Some(at) if status == "pending" => format!(", and is tried again after {at}"),
        _ => String::new(),
    };
    Ok(Said::text(format!(
        "Task {id} is {status}{again}. Next: call task_claim for another."
    )))
}

async fn block(caller: Arc<Caller>, arguments: Params) -> Result<Said, Said> {
    let (id, blocked) = held(&caller, "block", arguments).await?;
    Ok(Said::text(format!(
        "Task {id} is blocked until message {} is answered, and is not yours any more. Next: call \
         task_claim; once it is answered, this task can be claimed again.",
        blocked["question"]
    )))
}
