//! The audit trail, for admins.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use schemars::JsonSchema;
use serde::Serialize;
use tracing::warn;

use super::error::HttpError;
use super::keys::{failed, in_background};
use super::state::HttpState;
use agentpulse_api::params::{InvalidParameter, LIMIT, Params, SINCE};
use agentpulse_store::access::{Entry, Row};

/// Some 600 bytes each at most.
const MAX_ROWS: usize = 1_000;
const DEFAULT_ROWS: usize = 200;

/// Which rows to return.
pub struct AuditQuery {
    since_ms: i64,
    limit: usize,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditTrail")]
pub struct Trail {
    /// The newest row first.
    audit: Vec<Row>,
}

pub async fn audit(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Trail>, HttpError> {
    let AuditQuery { since_ms, limit } = query(&Params::of(request.uri().query(), None))?;
    let rows = in_background(&http, move |access| access.audit(since_ms, limit)).await?;
    let audit = rows.map_err(failed)?;
    Ok(Json(Trail { audit }))
}

/// Writes a row of what was done. It cannot be undone, so the answer stands; the failure to record
/// it is counted. Blocks.
pub fn record(http: &HttpState, entry: Entry) {
    if let Err(error) = http.access.note(entry) {
        http.intake.counters.audit_failures.add(1);
        warn!(%error, "the audit trail could not be written");
    }
}

pub fn query(params: &Params) -> Result<AuditQuery, InvalidParameter> {
    let since_ms = params.time_ms(SINCE)?.unwrap_or(i64::MIN);
    let limit = params.number(LIMIT, 1..=MAX_ROWS, Some(DEFAULT_ROWS))?;
    let limit = limit.unwrap_or(DEFAULT_ROWS);
    Ok(AuditQuery { since_ms, limit })
}
