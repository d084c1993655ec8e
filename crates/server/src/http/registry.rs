//! What changes in the definitions of agents, and a scan on demand.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::HttpError;
use super::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_api::params::Params;
use agentpulse_reports::registry::changes::{Changes, Query};

/// What the definitions are after a scan.
#[derive(Serialize, JsonSchema)]
pub struct Refreshed {
    pub seq: u64,
    pub epoch: String,
}

/// Waits, where it is asked to.
pub async fn changes(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Changes>, HttpError> {
    let query = Query::parse(&Params::of(request.uri().query(), None))?;
    let changes = query.answer(http.reports.definitions()).await;
    let expired = |_| {
        HttpError::new(
            Code::Expired,
            "changes are not kept for so long: list again",
        )
    };
    changes.map(Json).map_err(expired)
}

pub async fn refresh(State(http): State<Arc<HttpState>>) -> Result<Json<Refreshed>, HttpError> {
    let current = http.reports.definitions().handle.refresh().await;
    let current = current.map_err(|reason| HttpError::unavailable(reason.to_string()))?;
    Ok(Json(Refreshed {
        seq: current.seq,
        epoch: current.epoch.clone(),
    }))
}
