//! Messages between agents.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::ask::{Item, denied, id, queue, read, refused};
use crate::http::error::HttpError;
use crate::http::state::HttpState;
use agentpulse_api::params::{InvalidParameter, LIMIT, MAX_NUMBER, Param, Params};
use agentpulse_queue::asked::{Checked, MessageRequest};
use agentpulse_queue::shown::Message;
use agentpulse_queue::{Operation, ops};
use agentpulse_store::tasks::Unread;

const TO: Param = Param::new("to", "To whom they are sent.");
const OF_TASK: Param = Param::new("task", "Of one task.");
const UNREAD: Param = Param::new("unread", "Those alone that are not marked as read.");
const AFTER: Param = Param::new("after", "Those after the message of this number.");
const WAIT: Param = Param::new("wait", "Seconds to wait for one, if there is none.");
const MAX_WAIT_S: u64 = 60;
const MAX_LIMIT: usize = 100;
const DEFAULT_LIMIT: usize = 20;

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskMessages")]
pub struct Messages {
    /// The oldest first.
    pub messages: Vec<Message>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SentMessage")]
pub struct Sent {
    pub message: Message,
    /// Texts from which something secret was taken.
    pub redacted: usize,
}

pub async fn send(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Sent>, HttpError> {
    let asked = read::<MessageRequest>(&http, request).await?;
    let mut checked = Checked::default();
    let new = asked.request.read(&mut checked).map_err(refused)?;
    let redacted = checked.redacted;
    let work = move |of: &mut Operation| {
        let message = ops::send(of, new)?.into();
        Ok(Sent { message, redacted })
    };
    let sent = queue(&http)?
        .apply_once(asked.key, &asked.bytes, work)
        .await;
    sent.map(Json).map_err(denied)
}

pub async fn mark(
    State(http): State<Arc<HttpState>>,
    item: Item,
) -> Result<Json<Message>, HttpError> {
    let id = id(item)?;
    let work = move |of: &mut Operation| ops::read(of, id);
    let message = queue(&http)?.apply(0, work).await.map_err(denied)?;
    Ok(Json(message.into()))
}

pub struct Query {
    asked: Unread,
    limit: usize,
    wait: Duration,
}

pub fn query(params: &Params) -> Result<Query, InvalidParameter> {
    let task = params.number(OF_TASK, 1..=MAX_NUMBER, None)?;
    let after = params.number(AFTER, 0..=MAX_NUMBER, Some(0))?;
    let wait = params.number(WAIT, 0..=MAX_WAIT_S, Some(0))?;
    let limit = params.number(LIMIT, 1..=MAX_LIMIT, Some(DEFAULT_LIMIT))?;
    Ok(Query {
        asked: Unread {
            to: params.name(TO)?,
            task: task.map(u64::cast_signed),
            is_unread: params.switch(UNREAD)?,
            after: after.map_or(0, u64::cast_signed),
        },
        limit: limit.unwrap_or(DEFAULT_LIMIT),
        wait: Duration::from_secs(wait.unwrap_or(0)),
    })
}

/// Reading marks nothing as read.
pub async fn list(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Messages>, HttpError> {
    let Query { asked, limit, wait } = query(&Params::of(request.uri().query(), None))?;
    let (queue, end) = (queue(&http)?, Instant::now() + wait);
    loop {
        let seq = *queue.seq().borrow();
        let once = asked.clone();
        let found = queue
            .read(move |tables| tables.messages(&once, limit))
            .await;
        let found = found.map_err(denied)?;
        let left = end.saturating_duration_since(Instant::now());
        if !found.is_empty() || left.is_zero() {
            let messages = found.into_iter().map(Message::from).collect();
            return Ok(Json(Messages { messages }));
        }
        queue.beyond(seq, left).await;
    }
}
