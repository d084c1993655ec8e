//! Is it up, may it be sent traffic, which one is it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::HttpState;
use super::error::HttpError;

/// It answers, so it lives.
pub async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// The reason is for the operator who asks, so it is told.
pub async fn ready(State(http): State<Arc<HttpState>>) -> Result<Json<Value>, HttpError> {
    let not_ready = |why: String| HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why);
    http.operations.ready().map_err(not_ready)?;
    Ok(Json(json!({"status": "ready"})))
}

pub async fn version() -> Json<Value> {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    Json(json!({"name": name, "version": version}))
}
