//! The audit trail, for admins.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use serde_json::{Value, json};

use super::HttpState;
use super::error::HttpError;
use super::keys::{failed, in_background};
use super::params::Params;

/// Some 600 bytes each at most.
const MAX_ROWS: usize = 1_000;
const DEFAULT_ROWS: usize = 200;

/// `{"audit":[…]}`, the newest row first.
pub async fn audit(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Value>, HttpError> {
    let params = Params::of(request.uri())?;
    let since_ms = params.time_ms("since")?.unwrap_or(i64::MIN);
    let limit = params.number("limit", 1..=MAX_ROWS)?;
    let limit = limit.unwrap_or(DEFAULT_ROWS);
    let rows = in_background(&http, move |access| access.audit(since_ms, limit)).await?;
    Ok(Json(json!({"audit": rows.map_err(failed)?})))
}
