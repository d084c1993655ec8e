//! What only the daemon's own user may ask, over a Unix socket in the data folder.

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

/// The open routes, and those of control.
pub fn router(state: Arc<HttpState>) -> Router {
    let control = Router::new()
        .route("/control/status", get(status))
        .route("/control/rebuild", post(rebuild))
        .route("/control/flush", post(flush))
        .route("/control/prune", post(prune));
    finish(routes().merge(control), state)
}

async fn status(State(http): State<Arc<HttpState>>) -> Json<Value> {
    let mut status = http.operations.status();
    status["alerts"] = http.alerts.firing().into();
    Json(status)
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

/// Whoever may use the socket may read the log, so the cause is told.
fn failed(cause: String) -> HttpError {
    HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", cause)
}
