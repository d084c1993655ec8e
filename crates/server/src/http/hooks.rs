//! The payloads of a coding agent's own HTTP hooks. They carry no time and no id: the moment of
//! receipt is the time, and a payload that is sent twice is two.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::HttpError;
use super::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_api::params::Param;

/// Four times the largest payload that was seen; only known fields of it are kept.
pub const MAX_PAYLOAD_BYTES: usize = 8 << 20;

/// An empty object: the agent would take fields in it as instructions.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("maxProperties" = 0))]
pub struct Nothing {}

pub const SOURCE: Param = Param::new("source", "Which coding agent.");

pub async fn hook(
    State(http): State<Arc<HttpState>>,
    Path(source): Path<String>,
    request: Request<Body>,
) -> Result<Json<Nothing>, HttpError> {
    let body = http.bodies.read(request, MAX_PAYLOAD_BYTES).await?;
    let answer = http.intake.hook(source, body.bytes.clone()).await?;
    match answer.rejections.into_iter().next() {
        Some((_, reason)) => Err(HttpError::new(Code::InvalidEvent, reason)),
        None => Ok(Json(Nothing {})),
    }
}
