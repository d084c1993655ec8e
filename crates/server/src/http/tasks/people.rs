//! What people do to tasks.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;

use super::ask::{Item, check_assigned, denied, id, queue, read, refused};
use crate::http::error::HttpError;
use crate::http::state::HttpState;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_queue::asked::{CancelRequest, ChangeRequest, Checked};
use agentpulse_queue::shown::Task;
use agentpulse_queue::{Applied, Operation, ops};

pub async fn cancel(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Task>, HttpError> {
    let id = id(item)?;
    let asked = read::<CancelRequest>(&http, request).await?;
    let (who, cascades) = (asked.who, asked.request.cascade);
    let work = move |of: &mut Operation| Ok(ops::cancel(of, id, cascades, Some(&who))?.into());
    once(&http, asked.key, &asked.bytes, work).await
}

pub async fn retry(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Task>, HttpError> {
    let id = id(item)?;
    let asked = read::<Nothing>(&http, request).await?;
    let who = asked.who;
    let work = move |of: &mut Operation| Ok(ops::retry(of, id, Some(&who))?.into());
    once(&http, asked.key, &asked.bytes, work).await
}

pub async fn unblock(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Task>, HttpError> {
    let id = id(item)?;
    let asked = read::<Nothing>(&http, request).await?;
    let who = asked.who;
    let work = move |of: &mut Operation| Ok(ops::unblock(of, id, Some(&who))?.into());
    once(&http, asked.key, &asked.bytes, work).await
}

pub async fn change(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Task>, HttpError> {
    let id = id(item)?;
    let asked = read::<ChangeRequest>(&http, request).await?;
    if let Some(to) = &asked.request.assigned_to {
        check_assigned(&http, to).await?;
    }
    let change = asked.request.read(&mut Checked::default(), now_ms());
    let (change, who) = (change.map_err(refused)?, asked.who);
    let work = move |of: &mut Operation| Ok(ops::change(of, id, change, Some(&who))?.into());
    once(&http, asked.key, &asked.bytes, work).await
}

/// With a key it may come again, as all that changes a task.
async fn once(
    http: &HttpState,
    key: Option<String>,
    body: &[u8],
    work: impl FnOnce(&mut Operation) -> Applied<Task> + Send + 'static,
) -> Result<Json<Task>, HttpError> {
    let done = queue(http)?.apply_once(key, body, work).await;
    done.map(Json).map_err(denied)
}

/// An empty object, or no body.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}
