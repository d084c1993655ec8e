//! Liveness, readiness, version, metrics and health.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::HttpError;
use super::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_reports::exposition;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProbeStatus")]
pub struct Status {
    status: &'static str,
}

#[derive(Serialize, JsonSchema)]
pub struct Version {
    name: &'static str,
    version: &'static str,
}

/// An answer is proof enough.
pub async fn health() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// The reason is for the operator, so the answer has it.
pub async fn ready(State(http): State<Arc<HttpState>>) -> Result<Json<Status>, HttpError> {
    let not_ready = |why: String| HttpError::new(Code::NotReady, why);
    http.readiness.ready().map_err(not_ready)?;
    Ok(Json(Status { status: "ready" }))
}

pub async fn version() -> Json<Version> {
    let (name, version) = ("agentpulse", env!("CARGO_PKG_VERSION"));
    Json(Version { name, version })
}

/// For Prometheus.
pub async fn metrics(State(http): State<Arc<HttpState>>) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, exposition::CONTENT_TYPE),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, http.system.metrics().await)
}

/// Always 200: the caller wants the report. `/ready` has a status for load balancers.
pub async fn system_health(State(http): State<Arc<HttpState>>) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, http.system.health().await)
}
