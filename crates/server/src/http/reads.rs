//! Reads: from a URL to a report, from a report to a response.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use axum::routing::{MethodRouter, get};

use super::conditional::respond;
use super::error::HttpError;
use super::state::HttpState;
use agentpulse_api::params::Params;
use agentpulse_pipeline::connection_slots::ConnectionHolder;
use agentpulse_reports::Served;

/// The item that the last part of the path names, if the route has one.
type Item = Result<Option<Path<String>>, PathRejection>;

pub fn read(endpoint: &'static Served) -> MethodRouter<Arc<HttpState>> {
    get(
        move |State(http): State<Arc<HttpState>>, item: Item, request: Request<Body>| async move {
            let item = item.map_err(|_| HttpError::invalid_parameter("the path must be UTF-8"))?;
            let params = Params::of(request.uri().query(), item.map(|Path(item)| item));
            let query = (endpoint.parse)(&params)?;
            let holder = request.extensions().get::<ConnectionHolder>();
            // The daemon's own user, at the control socket, has no share of the readers.
            let asker = holder.filter(|holder| !matches!(holder, ConnectionHolder::Process(_)));
            let answer = http.reports.answer(&query, asker).await?;
            Ok::<Response, HttpError>(respond(answer, request.headers()))
        },
    )
}
