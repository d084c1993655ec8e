//! Which route leads where.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::HttpState;
use super::error::{unknown_route, wrong_method};
use super::params::Params;
use super::reads::{read, read_named};
use super::timed::timed;
use super::{audit, hooks, intake, page, probes, stream, tickets};

/// All routes that are open to readers and hooks.
pub fn router(state: Arc<HttpState>) -> Router {
    finish(routes(), state)
}

pub(super) fn routes() -> Router<Arc<HttpState>> {
    Router::new()
        .route("/", get(page::index))
        .route("/assets/{*path}", get(page::asset))
        .route("/api/agents/metrics/current", read(Params::current))
        .route("/api/agents/metrics/timeline", read(Params::timeline))
        .route("/api/agents/metrics/daily", read(Params::daily))
        .route("/api/agents/types/distribution", read(Params::types))
        .route(
            "/api/agents/performance/{agent_name}",
            read_named(Params::performance),
        )
        .route("/api/agents/tools/usage", read(Params::tools))
        .route("/api/agents/active", read(Params::active))
        .route("/api/agents/executions", read(Params::executions))
        .route("/api/agents/executions/{id}", read_named(Params::execution))
        .route(
            "/api/agents/errors/{agent_name}",
            read_named(Params::errors),
        )
        .route("/api/agents/costs", read(Params::costs))
        .route("/api/agents/stream", get(stream::own))
        .route("/stream", get(stream::of_dashboard))
        .route("/api/agents/events", post(intake::events))
        .route("/api/agents/start", post(intake::start))
        .route("/api/agents/complete", post(intake::complete))
        .route("/api/hooks/{source}", post(hooks::hook))
        .route("/api/audit", get(audit::audit))
        .route("/api/tickets", post(tickets::issue))
        .route("/health", get(probes::health))
        .route("/ready", get(probes::ready))
        .route("/version", get(probes::version))
        .route("/metrics", get(probes::metrics))
        .route("/api/system/health", get(probes::system_health))
}

/// The fallbacks come last: the one of wrong methods is given to the routes that are there. Behind
/// them comes the clock, which times them as well.
pub(super) fn finish(routes: Router<Arc<HttpState>>, state: Arc<HttpState>) -> Router {
    routes
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(state.clone(), timed))
        .with_state(state)
}
