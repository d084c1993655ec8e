//! The routes, with their handlers and descriptions.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;

use super::error::{unknown_route, wrong_method};
use super::openapi::{Operation, Routes, body, definition, document};
use super::state::HttpState;
use super::stream::{paths, routes as stream};
use super::timed::timed;
use super::{
    alerts, audit, definitions, hooks, intake, page, probes, registry, select, tasks, tickets,
};
use agentpulse_alerts::store::List;
use agentpulse_api::code::Code;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_reports::health::Health;
use agentpulse_reports::registry::{Agent, REFRESH, REFRESH_ALSO, changes, list, show};
use agentpulse_reports::selection::{Ask, FEEDBACK, Noted, Selected, Stats, StatsQuery};
use agentpulse_reports::{ENDPOINTS, exposition};

/// All public routes.
pub fn router(state: Arc<HttpState>) -> Router {
    finish(routes().router, state)
}

pub(super) fn routes() -> Routes {
    let routes = ENDPOINTS.iter().fold(Routes::default(), Routes::report);
    let routes = tasks::routes(streams(selection(written(followed(intakes(routes))))));
    files(operations(routes))
}

fn intakes(routes: Routes) -> Routes {
    routes
        .post(
            "/api/agents/events",
            intake::events,
            Operation::new("Takes events, as an array or as lines")
                .body(body::events())
                .answers::<intake::Taken>(StatusCode::OK, "What became of them")
                .answers::<intake::Taken>(StatusCode::MULTI_STATUS, "Some were refused")
                .fails(&[Code::Interrupted]),
        )
        .post(
            "/api/agents/start",
            intake::start,
            Operation::new("Takes one start")
                .body(body::start())
                .answers::<intake::Done>(StatusCode::OK, "It is durable, or was known")
                .fails(&[Code::InvalidEvent]),
        )
        .post(
            "/api/agents/complete",
            intake::complete,
            Operation::new("Takes one stop")
                .body(body::complete())
                .answers::<intake::Done>(StatusCode::OK, "It is durable, or was known")
                .fails(&[Code::InvalidEvent]),
        )
        .post(
            "/api/hooks/{source}",
            hooks::hook,
            Operation::new("Takes the payload of a coding agent's own HTTP hook")
                .path_word(hooks::SOURCE, &agentpulse_sources::names())
                .body(body::payload())
                .answers::<hooks::Nothing>(StatusCode::OK, "It is durable, or was known")
                .fails(&[Code::InvalidEvent]),
        )
}

fn streams(routes: Routes) -> Routes {
    let operation = |summary| {
        Operation::new(summary)
            .upgrades()
            .fails(&[Code::UpgradeRequired, Code::TooManyClients])
    };
    let registry =
        || operation("A WebSocket of the definitions of agents, their numbers and alerts");
    routes
        .get(
            paths::OWN,
            stream::own,
            operation("A WebSocket: a snapshot first, then every change"),
        )
        .get(
            paths::OF_DASHBOARD,
            stream::of_dashboard,
            operation("A WebSocket in the existing dashboard's dialect"),
        )
        .get(paths::OF_REGISTRY, stream::of_registry, registry())
        .get(
            paths::OF_REGISTRY_ALSO,
            stream::of_registry,
            registry().also(),
        )
}

fn followed(routes: Routes) -> Routes {
    let changes = || {
        Operation::new("What changed in the definitions since a moment; waits for it if asked to")
            .asks(changes::Query::parse)
            .answers::<changes::Changes>(StatusCode::OK, "The changes, the oldest first")
            .fails(&[Code::Expired])
    };
    let refresh = || {
        Operation::new("Scans the definitions now")
            .answers::<registry::Refreshed>(StatusCode::OK, "They are as the files are")
            .fails(&[Code::Unavailable])
    };
    routes
        .get(changes::PATH, registry::changes, changes())
        .get(changes::ALSO, registry::changes, changes().also())
        .post(REFRESH, registry::refresh, refresh())
        .post(REFRESH_ALSO, registry::refresh, refresh().also())
}

fn written(routes: Routes) -> Routes {
    let create = || {
        Operation::new("Writes a new definition")
            .body(definition::new())
            .answers::<Agent>(StatusCode::CREATED, "It is written")
            .fails(&[Code::ReadOnly, Code::NameTaken, Code::InvalidDefinition])
            .fails(&[Code::InvalidParameter, Code::CannotWrite])
    };
    let one = |summary| {
        Operation::new(summary)
            .fails(&[Code::ReadOnly, Code::UnknownAgent, Code::Ambiguous])
            .fails(&[Code::InvalidParameter, Code::CannotWrite, Code::Unavailable])
    };
    let change = || {
        one("Changes fields of a definition, or its prompt, and no other byte")
            .asks(definitions::item)
            .if_match(true)
            .body(definition::change())
            .answers::<Agent>(StatusCode::OK, "It is written, or was so")
            .fails(&[Code::VersionRequired, Code::InvalidDefinition])
    };
    let remove = || {
        one("Removes a definition; its file goes to the trash")
            .asks(definitions::removal)
            .if_match(false)
            .answers::<definitions::Removed>(StatusCode::OK, "It is removed")
            .fails(&[Code::AgentBusy])
    };
    let (all, all_also) = (list::Query::PATH, "/registry/agents");
    let (one, one_also) = (show::Query::PATH, "/registry/agents/{id}");
    routes
        .post(all, definitions::create, create())
        .post(all_also, definitions::create, create().also())
        .put(one, definitions::change, change())
        .put(one_also, definitions::change, change().also())
        .delete(one, definitions::remove, remove())
        .delete(one_also, definitions::remove, remove().also())
}

fn selection(routes: Routes) -> Routes {
    let operation = || {
        Operation::new(Ask::SUMMARY)
            .answers::<Selected>(StatusCode::OK, "The agents that fit best, and why")
            .fails(&[Code::Unavailable])
    };
    routes
        .get(
            Ask::PATH,
            select::of_parameters,
            operation().asks(Ask::parse),
        )
        .post(
            Ask::PATH,
            select::of_body,
            operation().body(body::selection()),
        )
        .get(
            StatsQuery::PATH,
            select::stats,
            Operation::new(StatsQuery::SUMMARY)
                .asks(StatsQuery::parse)
                .answers::<Stats>(StatusCode::OK, "Figures by day, and of all days")
                .fails(&[Code::Unavailable]),
        )
        .post(
            FEEDBACK,
            select::feedback,
            Operation::new("How a selection ended")
                .asks(select::id)
                .body(body::feedback())
                .answers::<Noted>(StatusCode::OK, "What stands now")
                .fails(&[Code::UnknownSelection, Code::Settled]),
        )
}

fn operations(routes: Routes) -> Routes {
    let ok = StatusCode::OK;
    routes
        .get(
            "/api/agents/alerts",
            alerts::alerts,
            Operation::new("What is pending or fires, the gravest first, then what was resolved")
                .answers::<List>(ok, "The alerts of this moment")
                .conditional()
                .tells_its_view(),
        )
        .get(
            "/api/system/health",
            probes::system_health,
            Operation::new("How each part does, with figures and a verdict")
                .answers::<Health>(ok, "The report, also of what is not well"),
        )
        .get(
            "/api/audit",
            audit::audit,
            Operation::new("Who did what, the newest first")
                .asks(audit::query)
                .answers::<audit::Trail>(ok, "The audit trail")
                .fails(&[Code::Unavailable]),
        )
        .post(
            "/api/tickets",
            tickets::issue,
            Operation::new("A ticket that opens one WebSocket, once")
                .answers::<tickets::Ticket>(ok, "The ticket")
                .fails(&[Code::Unavailable]),
        )
        .get(
            "/health",
            probes::health,
            Operation::new("It answers").answers::<probes::Status>(ok, "It lives"),
        )
        .get(
            "/ready",
            probes::ready,
            Operation::new("Whether it may be sent traffic")
                .answers::<probes::Status>(ok, "It may")
                .fails(&[Code::NotReady]),
        )
        .get(
            "/version",
            probes::version,
            Operation::new("Which one it is").answers::<probes::Version>(ok, "Name and version"),
        )
        .get(
            "/metrics",
            probes::metrics,
            Operation::new("Everything for Prometheus")
                .sends(&[exposition::CONTENT_TYPE], "The metrics"),
        )
        .get(
            "/api/openapi.json",
            document::serve(self::routes),
            Operation::new("This document")
                .answers::<document::Document>(ok, "OpenAPI 3.1")
                .conditional(),
        )
}

fn files(routes: Routes) -> Routes {
    routes
        .get(
            "/",
            page::index,
            Operation::new("The page")
                .sends(&[page::HTML], "The page")
                .conditional(),
        )
        .get(
            "/assets/{*path}",
            page::asset,
            Operation::new("A file of the page")
                .path_word(page::PATH, &page::paths())
                .sends(&page::media_types(), "The file")
                .conditional()
                .fails(&[Code::UnknownRoute]),
        )
}

/// The fallbacks come last: the one of wrong methods applies to the routes that exist by then.
/// Behind them comes the timer, which times them as well.
pub(super) fn finish(routes: Router<Arc<HttpState>>, state: Arc<HttpState>) -> Router {
    routes
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(state.clone(), timed))
        .with_state(state)
}
