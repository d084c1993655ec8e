//! The alerts, as they are at this moment.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};

use super::conditional::respond;
use super::state::HttpState;
use agentpulse_reports::{Answer, View};

/// Those that are pending or fire, the gravest first, and the last hundred that were resolved.
pub async fn alerts(State(http): State<Arc<HttpState>>, request: HeaderMap) -> Response<Body> {
    let body = http.alerts.list();
    let view = match http.readiness.state.readable() {
        true => View::Live,
        false => View::History,
    };
    respond(Answer::new(body, view), &request)
}
