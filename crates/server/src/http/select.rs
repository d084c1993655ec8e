//! Which agent should take a task: of parameters, or of a body; and what became of it.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Extensions, Request};

use super::error::HttpError;
use super::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Param, Params};
use agentpulse_reports::selection::{
    Ask, Asker, Feedback, FeedbackError, MAX_BODY_BYTES, MAX_FEEDBACK_BYTES, Noted, Refused,
    Selected, Stats, StatsQuery, Untaken,
};
use agentpulse_store::access::{Grant, Scope};

const ID: Param = Param::new("selection_id", "As the answer of a POST has it.");

pub async fn of_parameters(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Selected>, HttpError> {
    let ask = Ask::parse(&Params::of(request.uri().query(), None))?;
    let asker = asker(request.extensions());
    let answer = http.reports.selections.answer(&ask, &asker, false).await;
    answer
        .map(Json)
        .map_err(|refused| wrong(refused, Code::InvalidParameter))
}

pub async fn of_body(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Selected>, HttpError> {
    let asker = asker(request.extensions());
    let body = http.bodies.read(request, MAX_BODY_BYTES).await?;
    let ask: Ask = serde_json::from_slice(&body.bytes)
        .map_err(|error| HttpError::invalid_body(error.to_string()))?;
    let answer = http.reports.selections.answer(&ask, &asker, true).await;
    answer
        .map(Json)
        .map_err(|refused| wrong(refused, Code::InvalidBody))
}

pub async fn feedback(
    State(http): State<Arc<HttpState>>,
    item: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Result<Json<Noted>, HttpError> {
    let Path(item) = item.map_err(|_| HttpError::invalid_parameter("the path must be UTF-8"))?;
    let id = id(&Params::of(None, Some(item)))?;
    let asker = asker(request.extensions());
    let body = http.bodies.read(request, MAX_FEEDBACK_BYTES).await?;
    let feedback: Feedback = serde_json::from_slice(&body.bytes)
        .map_err(|error| HttpError::invalid_body(error.to_string()))?;
    let noted = http.reports.selections.feedback(id, feedback, asker).await;
    noted.map(Json).map_err(|error| match error {
        FeedbackError::Untaken(Untaken::Wrong(reason)) => HttpError::invalid_body(reason.0),
        FeedbackError::Untaken(Untaken::Unknown) => HttpError::new(
            Code::UnknownSelection,
            "no selection of this asker has that id",
        ),
        FeedbackError::Untaken(Untaken::Settled) => HttpError::new(
            Code::Settled,
            "the selection is older than 7 days: what was said of it stands",
        ),
        FeedbackError::Failed(error) => error.into(),
    })
}

pub async fn stats(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Stats>, HttpError> {
    let query = StatsQuery::parse(&Params::of(request.uri().query(), None))?;
    Ok(Json(http.reports.selections.stats(&query).await?))
}

pub fn id(params: &Params) -> Result<String, InvalidParameter> {
    params.item_name(ID)
}

/// A key that may only read cannot report how a selection ended, so that none of its is kept.
fn asker(extensions: &Extensions) -> Asker {
    extensions
        .get::<Grant>()
        .map_or(Asker::LOCAL, |grant| Asker {
            key: Some(grant.name().to_owned()),
            may_report: grant.opens(Scope::Ingest),
        })
}

/// `wrong` is what a refusal of what was asked is called.
fn wrong(refused: Refused, wrong: Code) -> HttpError {
    match refused {
        Refused::Wrong(reason) => HttpError::new(wrong, reason.0),
        Refused::Failed(error) => error.into(),
    }
}
