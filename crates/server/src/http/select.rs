//! Which agent should take a task: of parameters, or of a body.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;

use super::error::HttpError;
use super::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::Params;
use agentpulse_reports::selection::{Ask, MAX_BODY_BYTES, Refused, Selected};

pub async fn of_parameters(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Selected>, HttpError> {
    let ask = Ask::parse(&Params::of(request.uri().query(), None))?;
    answer(&http, &ask, Code::InvalidParameter).await
}

pub async fn of_body(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Selected>, HttpError> {
    let body = http.bodies.read(request, MAX_BODY_BYTES).await?;
    let ask: Ask = serde_json::from_slice(&body.bytes)
        .map_err(|error| HttpError::invalid_body(error.to_string()))?;
    answer(&http, &ask, Code::InvalidBody).await
}

/// `wrong` is what a refusal of what was asked is called.
async fn answer(http: &HttpState, ask: &Ask, wrong: Code) -> Result<Json<Selected>, HttpError> {
    let answer = http.reports.selections.answer(ask).await;
    answer.map(Json).map_err(|refused| match refused {
        Refused::Wrong(reason) => HttpError::new(wrong, reason.0),
        Refused::Failed(error) => error.into(),
    })
}
