//! Messages between agents.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Tool;
use crate::cli::mcp::caller::{Caller, word};
use crate::cli::mcp::routes::Api;
use crate::cli::mcp::rpc::Params;
use crate::cli::mcp::said::Said;

const MESSAGES: &str = "/api/messages";
const MARK: &str = "/api/messages/{id}/read";

pub fn tools(api: &Api) -> Vec<Tool> {
    let read = api.route("get", MESSAGES).input();
    let read = read.or_item_of(&api.route("post", MARK));
    vec![
        Tool::new(
            "message_send",
            "Sends a message to a role, an agent or `user`; from this session by default.",
            api.route("post", MESSAGES).input().optional("from_agent"),
            send,
        ),
        Tool::new(
            "message_read",
            "Lists unread messages, by default those to this session. With an id it marks that \
             message as read, and shows it.",
            read,
            self::read,
        ),
    ]
}

async fn send(caller: Arc<Caller>, mut arguments: Params) -> Result<Said, Said> {
    let own = || json!(caller.name());
    let from = word(arguments.entry("from_agent").or_insert_with(own));
    let sent = caller.send(MESSAGES, arguments).await?;
    let message = &sent["message"];
    let to = word(&message["to_agent"]);
    let next = match message["message_type"] == "question" {
        true => format!(" Next: call message_read with to \"{from}\" and wait 60 for the answer."),
        false => String::new(),
    };
    Ok(Said::text(format!(
        "Message {} is sent to {to}.{next}",
        message["id"]
    )))
}

async fn read(caller: Arc<Caller>, mut arguments: Params) -> Result<Said, Said> {
    if let Some(id) = arguments.get("id") {
        let path = format!("/api/messages/{id}/read");
        let message = caller.send(&path, Params::new()).await?;
        let next = match message["message_type"] == "question" {
            true => format!(" Next: call message_send, message_type \"answer\", reply_to {id}."),
            false => String::new(),
        };
        let lead = format!("Message {id} is marked as read.{next}");
        return Ok(Said::answer(&lead, &message, &rest(&message)));
    }
    arguments.entry("unread").or_insert_with(|| json!(true));
    if !arguments.contains_key("task") {
        arguments
            .entry("to")
            .or_insert_with(|| json!(caller.name()));
    }
    let whose = match (arguments.get("to"), arguments.get("task")) {
        (Some(to), _) => format!("to {}", word(to)),
        (None, task) => format!("of task {}", task.map(word).unwrap_or_default()),
    };
    let answer = caller.read(MESSAGES, &arguments).await?;
    let lead = match answer["messages"].as_array().map_or(0, Vec::len) {
        0 => return Ok(Said::text(format!("There is no message {whose}."))),
        count => format!(
            "{count} messages {whose}. Next: call message_read with the id of each that is done \
             with; answer a question by message_send, message_type \"answer\", with its id in \
             reply_to."
        ),
    };
    Ok(Said::answer(&lead, &answer, &rest(&answer["messages"][0])))
}

/// Of a message, or of several of which this is the first.
fn rest(message: &Value) -> String {
    let id = message["id"].as_i64().unwrap_or_default();
    format!(
        "For less, call it with limit 1. The rest: read \"/api/messages\", query {{\"after\": {}, \
         \"limit\": 1}}, field \"/messages/0/content\", and an offset.",
        id - 1
    )
}
