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
use agentpulse_queue::{Operation, ops};

pub async fn cancel(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Task>, HttpError> {
    let id = id(item)?;
    let asked = read::<CancelRequest>(&http, request).await?;
    let (who, cascades) = (asked.who, asked.request.cascade);
    let work = move |of: &mut Operation| ops::cancel(of, id, cascades, Some(&who));
    let task = queue(&http)?.apply(0, work).await.map_err(denied)?;
    Ok(Json(task.into()))
}

pub async fn retry(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Task>, HttpError> {
    let id = id(item)?;
    let who = read::<Nothing>(&http, request).await?.who;
    let work = move |of: &mut Operation| ops::retry(of, id, Some(&who));
    let task = queue(&http)?.apply(0, work).await.map_err(denied)?;
    Ok(Json(task.into()))
}

pub async fn unblock(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Task>, HttpError> {
    let id = id(item)?;
    let who = read::<Nothing>(&http, request).await?.who;
    let work = move |of: &mut Operation| ops::unblock(of, id, Some(&who));
    let task = queue(&http)?.apply(0, work).await.map_err(denied)?;
    Ok(Json(task.into()))
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
    let work = move |of: &mut Operation| ops::change(of, id, change, Some(&who));
    let task = queue(&http)?.apply(0, work).await.map_err(denied)?;
    Ok(Json(task.into()))
}

/// An empty object, or no body.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}
