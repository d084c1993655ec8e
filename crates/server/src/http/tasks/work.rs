//! What workers ask.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ask::{Item, check_assigned, denied, id, queue, read, refused};
use crate::http::error::HttpError;
use crate::http::state::HttpState;
use agentpulse_core::bucket::rfc3339;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_queue::asked::{
    BeatRequest, BlockRequest, Checked, ClaimRequest, CompleteRequest, FailRequest, LogRequest,
    ReleaseRequest,
};
use agentpulse_queue::liveness::of_execution;
use agentpulse_queue::shown::Task;
use agentpulse_queue::{Operation, chance, ops};

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ClaimedTask")]
pub struct Claimed {
    pub task: Task,
    pub lease: Lease,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskLease")]
pub struct Lease {
    /// By which the worker holds the task.
    pub token: String,
    /// Without a word until then it is lost.
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskBeat")]
pub struct Beat {
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: String,
    /// The worker is to give the task up.
    pub cancel_requested: bool,
    /// To its agent or its role.
    pub unread_messages: i64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CompletedTask")]
pub struct Completed {
    pub task: Task,
    /// The one that follows it.
    pub child: Option<Task>,
    /// Texts from which something secret was taken.
    pub redacted: usize,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AskedTask")]
pub struct Blocked {
    pub task: Task,
    /// The number of the message; its answer lets the task go on. Null if the task was to be given
    /// up, and is cancelled.
    pub question: Option<i64>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskLogDone")]
pub struct LogDone {
    pub logged: usize,
    /// Lines from which something secret was taken.
    pub redacted: usize,
}

/// 204 if there is no task.
pub async fn claim(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Response, HttpError> {
    let asked = read::<ClaimRequest>(&http, request).await?;
    let queue = queue(&http)?;
    let roles = queue.settings().roles.clone();
    let mut checked = Checked::default();
    let (mut claim, wait, execution) = asked.request.read(&mut checked, &roles).map_err(refused)?;
    let named = execution.map(|id| of_execution(&http.running, id));
    claim.link = asked.by.link.or(named);
    let claimed = queue.claim(claim, wait).await.map_err(denied)?;
    let Some(claimed) = claimed else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    if let Some(call) = asked.by.call {
        queue.expect(&claimed, call);
    }
    let lease = Lease {
        token: claimed.token.to_string(),
        expires_at: rfc3339(now_ms() + claimed.left.as_millis() as i64),
    };
    let task = claimed.task.into();
    Ok(Json(Claimed { task, lease }).into_response())
}

pub async fn beat(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Beat>, HttpError> {
    let id = id(item)?;
    let asked = read::<BeatRequest>(&http, request).await?;
    let (token, progress, extend_ms) = asked.request.read().map_err(refused)?;
    let link = asked.by.link;
    let work = move |of: &mut Operation| {
        ops::work(of, id, &token, link)?;
        ops::beat(of, id, &token, progress, extend_ms)
    };
    let beat = queue(&http)?.apply(0, work).await.map_err(denied)?;
    Ok(Json(Beat {
        expires_at: rfc3339(now_ms() + beat.left.as_millis() as i64),
        cancel_requested: beat.is_cancel_asked,
        unread_messages: beat.unread,
    }))
}

pub async fn complete(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Completed>, HttpError> {
    let id = id(item)?;
    let asked = read::<CompleteRequest>(&http, request).await?;
    if let Some(handoff) = &asked.request.handoff {
        check_assigned(&http, &handoff.assigned_to).await?;
    }
    let mut checked = Checked::default();
    let (token, result, handoff) = asked.request.read(&mut checked).map_err(refused)?;
    let (redacted, link) = (checked.redacted, asked.by.link);
    let work = move |of: &mut Operation| {
        ops::work(of, id, &token, link)?;
        let done = ops::complete(of, id, &token, result, handoff)?;
        Ok(Completed {
            task: done.task.into(),
            child: done.child.map(Task::from),
            redacted,
        })
    };
    let done = queue(&http)?
        .apply_once(asked.key, &asked.bytes, work)
        .await;
    done.map(Json).map_err(denied)
}

pub async fn fail(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Task>, HttpError> {
    let id = id(item)?;
    let asked = read::<FailRequest>(&http, request).await?;
    let (token, failure) = asked
        .request
        .read(&mut Checked::default())
        .map_err(refused)?;
    let (chance, link) = (chance(), asked.by.link);
    let work = move |of: &mut Operation| {
        ops::work(of, id, &token, link)?;
        Ok(ops::fail(of, id, &token, failure, chance)?.into())
    };
    let failed = queue(&http)?
        .apply_once(asked.key, &asked.bytes, work)
        .await;
    failed.map(Json).map_err(denied)
}

pub async fn block(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Blocked>, HttpError> {
    let id = id(item)?;
    let asked = read::<BlockRequest>(&http, request).await?;
    let (token, to, content) = asked
        .request
        .read(&mut Checked::default())
        .map_err(refused)?;
    let link = asked.by.link;
    let work = move |of: &mut Operation| {
        ops::work(of, id, &token, link)?;
        let (task, question) = ops::block(of, id, &token, to, content)?;
        let task = task.into();
        Ok(Blocked { task, question })
    };
    let blocked = queue(&http)?
        .apply_once(asked.key, &asked.bytes, work)
        .await;
    blocked.map(Json).map_err(denied)
}

pub async fn release(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Task>, HttpError> {
    let id = id(item)?;
    let asked = read::<ReleaseRequest>(&http, request).await?;
    let token = asked.request.read().map_err(refused)?;
    let (chance, link) = (chance(), asked.by.link);
    let work = move |of: &mut Operation| {
        ops::work(of, id, &token, link)?;
        Ok(ops::release(of, id, &token, chance)?.into())
    };
    let released = queue(&http)?
        .apply_once(asked.key, &asked.bytes, work)
        .await;
    released.map(Json).map_err(denied)
}

pub async fn log(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<LogDone>, HttpError> {
    let id = id(item)?;
    let asked = read::<LogRequest>(&http, request).await?;
    let mut checked = Checked::default();
    let (token, lines) = asked.request.read(&mut checked).map_err(refused)?;
    let (logged, redacted) = (lines.len(), checked.redacted);
    let work = move |of: &mut Operation| {
        ops::log(of, id, &token, &lines)?;
        Ok(LogDone { logged, redacted })
    };
    let done = queue(&http)?
        .apply_once(asked.key, &asked.bytes, work)
        .await;
    done.map(Json).map_err(denied)
}
