//! The routes for the daemon's own user only, over a Unix socket in the data folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::audit::record;
use super::authorizer::Refusal;
use super::error::HttpError;
use super::keys;
use super::router::{finish, routes};
use super::seat::Received;
use super::seat::Seat;
use super::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_api::params::{Param, Params};
use agentpulse_pipeline::backup::{KEEP, Order, Refused};
use agentpulse_pipeline::changes::View;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::connection_slots::ConnectionHolder;
use agentpulse_pipeline::reload::Reloaded;
use agentpulse_store::access::{Action, Actor, Entry};

const ORIGIN: &str = "control socket";

const FORCE: Param = Param::new("force", "Take over keys that another daemon wrote.");
const KEEP_NEWEST: Param = Param::new("keep", "How many backups of the folder stay.");

/// Who is on the other side.
#[derive(Clone, Copy)]
pub struct User {
    pub uid: u32,
    pub pid: Option<i32>,
}

impl User {
    pub fn holder(self) -> ConnectionHolder {
        ConnectionHolder::Process(self.pid)
    }
}

/// The public routes, and those of control.
pub fn router(state: Arc<HttpState>) -> Router {
    let control = Router::new()
        .route("/control/status", get(status))
        .route("/control/rebuild", post(rebuild))
        .route("/control/flush", post(flush))
        .route("/control/prune", post(prune))
        .route("/control/reload", post(reload))
        .route("/control/keys", get(keys::list).post(keys::create))
        .route("/control/keys/{which}", delete(keys::revoke))
        .route("/control/backup", post(backup))
        .route("/control/selections/forget", post(forget_selections));
    finish(routes().router.merge(control), state)
}

/// Answers a request of the daemon's user, and records it in the audit trail.
pub async fn answer(
    http: &Arc<HttpState>,
    routes: &TowerToHyperService<Router>,
    user: User,
    mut request: Received,
) -> Response {
    let holder = user.holder();
    let seat = request.extensions().get::<Seat>();
    let admitted = seat.map_or(Ok(()), |seat| seat.admit(holder.clone(), holder.rank()));
    if admitted.is_err() {
        http.intake.counters.http_connections_refused.add(1);
        return Refusal::NoRoom.into_response();
    }
    request.extensions_mut().insert(holder);
    let action = noted(request.method(), request.uri().path());
    let actor = Actor::user(user.uid, ORIGIN);
    request.extensions_mut().insert(actor.clone());
    let Ok(response) = routes.call(request).await;
    if let Some(action) = action {
        let status = response.status();
        let outcome = match status.is_success() {
            true => Ok(None),
            false => Err(format!("answered {status}")),
        };
        let (http, entry) = (http.clone(), Entry::of(action, actor, outcome, now_ms()));
        // It fails where the daemon stops.
        let _ = spawn_blocking(move || record(&http, entry)).await;
    }
    response
}

/// The action to record; keys are recorded where they are created.
fn noted(method: &Method, path: &str) -> Option<Action> {
    match path.strip_prefix("/control/")? {
        "rebuild" => Some(Action::Rebuild),
        "backup" => Some(Action::Backup),
        "prune" => Some(Action::Prune),
        "reload" => Some(Action::ConfigReloaded),
        "selections/forget" => Some(Action::SelectionsForgotten),
        _ => None,
    }
    .filter(|_| *method == Method::POST)
}

async fn status(State(http): State<Arc<HttpState>>) -> Json<Value> {
    Json(super::status::status(&http))
}

async fn rebuild(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Value>, HttpError> {
    let force = Params::of(request.uri().query(), None).switch(FORCE)?;
    let began = Instant::now();
    http.control.applier.rebuild(force).await.map_err(failed)?;
    Ok(Json(json!({
        "applied": http.readiness.changes.position(View::Live),
        "took_ms": began.elapsed().as_millis() as u64,
    })))
}

async fn flush(State(http): State<Arc<HttpState>>) -> Result<StatusCode, HttpError> {
    http.control.flusher.flush().await.map_err(failed)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn prune(State(http): State<Arc<HttpState>>) -> Result<Json<Value>, HttpError> {
    let pruned = http.control.flusher.prune().await.map_err(failed)?;
    Ok(Json(
        json!({ "executions": pruned.executions, "buckets": pruned.buckets }),
    ))
}

async fn forget_selections(State(http): State<Arc<HttpState>>) -> Result<Json<Value>, HttpError> {
    let forgotten = http.reports.selections.forget().await?;
    Ok(Json(json!({ "selections": forgotten })))
}

async fn backup(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Value>, HttpError> {
    let params = Params::of(request.uri().query(), None);
    let to = params.get("to").map(PathBuf::from);
    if to.as_ref().is_some_and(|to| !to.is_absolute()) {
        return Err(HttpError::invalid_parameter("to must be an absolute path"));
    }
    let keep = params.number(KEEP_NEWEST, KEEP, None)?;
    let order = Order { to, keep };
    let made = http.control.backups.run(order).await;
    made.map(Json).map_err(no_backup)
}

/// The command line derives its exit code from the status.
fn no_backup(refused: Refused) -> HttpError {
    let code = match &refused {
        Refused::Busy => Code::Busy,
        Refused::KeepOfFile => Code::InvalidParameter,
        Refused::Backup(error) if error.is_damage() => Code::Damaged,
        Refused::Backup(error) if error.is_of_place() => Code::CannotWrite,
        _ => Code::Failed,
    };
    HttpError::new(code, refused.to_string())
}

/// The reason quotes the settings file, which every user of the socket can read.
async fn reload(State(http): State<Arc<HttpState>>) -> Result<Json<Reloaded>, HttpError> {
    let refused = |reason| HttpError::new(Code::Refused, reason);
    let reloaded = http.control.reload.reload().await;
    reloaded.map(Json).map_err(refused)
}

/// Every user of the socket can read the log, so the answer has the cause.
fn failed(cause: String) -> HttpError {
    HttpError::new(Code::Failed, cause)
}
