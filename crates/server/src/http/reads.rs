//! Reads: from a URL to a report, from a report to a response.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Extensions, HeaderMap, Request};
use axum::response::Response;
use axum::routing::{MethodRouter, get};

use super::HttpState;
use super::conditional::respond;
use super::error::HttpError;
use super::params::Params;
use agentpulse_reports::{Asker, Query};

type Http = State<Arc<HttpState>>;

/// A report whose parameters stand in the query.
pub fn read(parse: fn(&Params) -> Result<Query, HttpError>) -> MethodRouter<Arc<HttpState>> {
    get(
        move |State(http): Http, request: Request<Body>| async move {
            let query = parse(&Params::of(request.uri())?)?;
            answer(&http, &query, request.extensions(), request.headers()).await
        },
    )
}

/// A report of the item that the last part of the path names.
pub fn read_named(
    parse: fn(&Params, &str) -> Result<Query, HttpError>,
) -> MethodRouter<Arc<HttpState>> {
    let handler = move |State(http): Http,
                        name: Result<Path<String>, PathRejection>,
                        request: Request<Body>| async move {
        let Path(name) =
            name.map_err(|_| HttpError::invalid_parameter("the path must be UTF-8"))?;
        let query = parse(&Params::of(request.uri())?, &name)?;
        answer(&http, &query, request.extensions(), request.headers()).await
    };
    get(handler)
}

async fn answer(
    http: &HttpState,
    query: &Query,
    extensions: &Extensions,
    headers: &HeaderMap,
) -> Result<Response, HttpError> {
    let asker = extensions.get::<Asker>();
    let answer = http.reports.answer(query, asker).await?;
    Ok(respond(answer, headers))
}
