//! The duration of each request, by its route.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::state::HttpState;

/// The label without a route; the requested path can be anything.
const NO_ROUTE: &str = "_other";

pub async fn timed(
    State(http): State<Arc<HttpState>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let response = next.run(request).await;
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let status = response.status().as_u16();
    http.system.requests.observe(route, status, began.elapsed());
    response
}
