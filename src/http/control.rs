//! What only the daemon's own user may ask, over a Unix socket in the data folder.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

use super::HttpState;
use super::error::HttpError;
use super::params::Params;
use super::router::{finish, routes};
use crate::flow::backup::{KEEP, Order, Refused};

/// The open routes, and those of control.
pub fn router(state: Arc<HttpState>) -> Router {
    let control = Router::new()
        .route("/control/status", get(status))
        .route("/control/rebuild", post(rebuild))
        .route("/control/flush", post(flush))
        .route("/control/prune", post(prune))
        .route("/control/backup", post(backup));
    finish(routes().merge(control), state)
}

async fn status(State(http): State<Arc<HttpState>>) -> Json<Value> {
    Json(http.operations.status())
}

async fn rebuild(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Value>, HttpError> {
    let force = Params::of(request.uri())?.force()?;
    http.operations
        .rebuild(force)
        .await
        .map(Json)
        .map_err(failed)
}

async fn flush(State(http): State<Arc<HttpState>>) -> Result<StatusCode, HttpError> {
    http.operations.flush().await.map_err(failed)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn prune(State(http): State<Arc<HttpState>>) -> Result<Json<Value>, HttpError> {
    http.operations.prune().await.map(Json).map_err(failed)
}

async fn backup(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Value>, HttpError> {
    let params = Params::of(request.uri())?;
    let to = params.get("to").map(PathBuf::from);
    if to.as_ref().is_some_and(|to| !to.is_absolute()) {
        return Err(HttpError::invalid_parameter("to must be an absolute path"));
    }
    let keep = params.number("keep", KEEP)?;
    let order = Order { to, keep };
    http.operations
        .backup(order)
        .await
        .map(Json)
        .map_err(no_backup)
}

/// By the status the command line chooses how it exits.
fn no_backup(refused: Refused) -> HttpError {
    let (status, code) = match &refused {
        Refused::Busy => (StatusCode::CONFLICT, "busy"),
        Refused::KeepOfFile => (StatusCode::BAD_REQUEST, "invalid_parameter"),
        Refused::Backup(error) if error.is_damage() => {
            (StatusCode::UNPROCESSABLE_ENTITY, "damaged")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
    };
    HttpError::new(status, code, refused.to_string())
}

/// Whoever may use the socket may read the log, so the cause is told.
fn failed(cause: String) -> HttpError {
    HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", cause)
}
