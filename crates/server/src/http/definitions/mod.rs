//! Writes definitions: closed unless `registry.write` opens it, and of each write there is a row in
//! the audit trail.

mod refused;
mod request;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{HeaderMap, IF_MATCH};
use axum::http::{Request, StatusCode, Uri};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::OwnedMutexGuard;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::audit::record;
use super::error::HttpError;
use super::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_api::params::{InvalidParameter, Param, Params};
use agentpulse_pipeline::clock::now_ms;
use agentpulse_redact::redact;
use agentpulse_registry::{Busy, Current, Done, NotScanned, Pen, Refused};
use agentpulse_reports::registry::{Agent, show};
use agentpulse_store::access::{Action, Actor, Entry};

pub use self::request::MAX_BODY_BYTES;

/// A disk that takes longer does not answer.
const MAX_WAIT: Duration = Duration::from_secs(30);
const VERSION_DIGITS: usize = 32;
const FORCE: Param = Param::new("force", "Remove it also while executions of it run.");

type Item = Result<Path<String>, PathRejection>;

/// A definition that was removed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RemovedDefinition")]
pub struct Removed {
    pub agent_id: String,
    pub run_name: String,
    pub file_path: String,
    /// Where its file is now, until newer ones need the room.
    pub kept_as: String,
}

pub async fn create(
    State(http): State<Arc<HttpState>>,
    Extension(actor): Extension<Actor>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Agent>), HttpError> {
    let work = async {
        permit(&http, &actor)?;
        Params::of(request.uri().query(), None).only(&[])?;
        let body = http.bodies.read(request, MAX_BODY_BYTES).await?;
        let new = request::new(&body.bytes)?;
        drop(body);
        let (pen, current) = turn(&http).await?;
        let name = new.name.clone();
        let create = move |pen: &Pen| pen.create(&current, &new);
        let done = write(&http, pen, Action::DefinitionWritten, actor, name, create).await?;
        answer(&http, done).await
    };
    let written = counted(&http, work.await)?;
    Ok((StatusCode::CREATED, Json(written)))
}

pub async fn change(
    State(http): State<Arc<HttpState>>,
    Extension(actor): Extension<Actor>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Agent>, HttpError> {
    let work = async {
        permit(&http, &actor)?;
        let params = params(request.uri(), item)?;
        params.only(&[])?;
        let id = self::item(&params)?;
        let version = version(request.headers())?.ok_or_else(|| {
            let message = "If-Match must have the version of the definition, in quotes";
            HttpError::new(Code::VersionRequired, message)
        })?;
        let body = http.bodies.read(request, MAX_BODY_BYTES).await?;
        let change = request::change(&body.bytes)?;
        drop(body);
        let (pen, _) = turn(&http).await?;
        let agent = http.reports.named(&id).await?.agent;
        let name = agent.run_name().to_owned();
        let change = move |pen: &Pen| pen.change(&agent, &version, &change);
        let done = write(&http, pen, Action::DefinitionWritten, actor, name, change).await?;
        answer(&http, done).await
    };
    counted(&http, work.await).map(Json)
}

pub async fn remove(
    State(http): State<Arc<HttpState>>,
    Extension(actor): Extension<Actor>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Removed>, HttpError> {
    let work = async {
        permit(&http, &actor)?;
        let (head, _) = request.into_parts();
        let params = params(&head.uri, item)?;
        params.only(&[FORCE])?;
        let (id, force) = removal(&params)?;
        let version = version(&head.headers)?;
        let (pen, _) = turn(&http).await?;
        let named = http.reports.named(&id).await?;
        if named.running > 0 && !force {
            let message = format!("{} executions of it run: force removes it", named.running);
            return Err(HttpError::new(Code::AgentBusy, message));
        }
        let run_name = named.agent.run_name().to_owned();
        let remove = move |pen: &Pen| pen.remove(&named.agent, version.as_deref(), now_ms());
        let action = Action::DefinitionRemoved;
        let done = write(&http, pen, action, actor, run_name.clone(), remove).await?;
        after(&http).await?;
        let shown = |path| http.reports.definitions().shown(path);
        Ok(Removed {
            agent_id: done.agent_id,
            run_name,
            file_path: shown(&done.path),
            kept_as: done.kept.as_deref().map(shown).unwrap_or_default(),
        })
    };
    counted(&http, work.await).map(Json)
}

/// Which definition, and whether by force.
pub fn removal(params: &Params) -> Result<(String, bool), InvalidParameter> {
    Ok((params.item_name(show::ID)?, params.switch(FORCE)?))
}

/// Which definition.
pub fn item(params: &Params) -> Result<String, InvalidParameter> {
    params.item_name(show::ID)
}

/// A refusal is recorded as those of the authorizer are.
fn permit(http: &HttpState, actor: &Actor) -> Result<(), HttpError> {
    if http
        .reports
        .definitions()
        .settings
        .borrow()
        .writes_definitions
    {
        return Ok(());
    }
    let code = Code::ReadOnly;
    http.access.refused(actor.clone(), code.name(), 1);
    Err(HttpError::new(
        code,
        "registry.write is off: definitions are not written",
    ))
}

fn counted<T>(http: &HttpState, outcome: Result<T, HttpError>) -> Result<T, HttpError> {
    outcome.inspect_err(|_| http.intake.counters.registry_writes_refused.add(1))
}

fn params(uri: &Uri, item: Item) -> Result<Params, HttpError> {
    let item = item.map_err(|_| HttpError::invalid_parameter("the path must be UTF-8"))?;
    Ok(Params::of(uri.query(), Some(item.0)))
}

fn version(headers: &HeaderMap) -> Result<Option<String>, HttpError> {
    let mut given = headers.get_all(IF_MATCH).iter();
    let Some(first) = given.next() else {
        return Ok(None);
    };
    let text = first.to_str().unwrap_or_default().strip_prefix('"');
    let version = text.and_then(|text| text.strip_suffix('"'));
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let version = version.filter(|text| text.len() == VERSION_DIGITS && text.chars().all(is_digit));
    match version.filter(|_| given.next().is_none()) {
        Some(version) => Ok(Some(version.to_owned())),
        None => Err(HttpError::invalid_parameter(
            "If-Match must be one version in quotes: 32 hexadecimal digits",
        )),
    }
}

/// The pen, and the definitions as they are then.
async fn turn(http: &HttpState) -> Result<(OwnedMutexGuard<Pen>, Arc<Current>), HttpError> {
    let busy = |Busy| HttpError::unavailable("others write definitions: try again later");
    let pen = http.editor.pen().await.map_err(busy)?;
    Ok((pen, scan(http).await?))
}

async fn scan(http: &HttpState) -> Result<Arc<Current>, HttpError> {
    let scanned = http.reports.definitions().handle.refresh().await;
    scanned.map_err(|reason: NotScanned| HttpError::unavailable(reason.to_string()))
}

/// Writes, and records it: also if the client does not wait for it.
async fn write(
    http: &Arc<HttpState>,
    pen: OwnedMutexGuard<Pen>,
    action: Action,
    actor: Actor,
    name: String,
    work: impl FnOnce(&Pen) -> Result<Done, Refused> + Send + 'static,
) -> Result<Done, HttpError> {
    let state = http.clone();
    let work = spawn_blocking(move || {
        let done = work(&pen);
        let outcome = match &done {
            Ok(done) if done.is_other => {
                state.intake.counters.registry_writes.add(1);
                let path = state.reports.definitions().shown(&done.path);
                Ok(Some(format!("{}, {path}", redact(&name))))
            }
            Err(Refused::Disk(error)) => Err(format!("{}: {error}", redact(&name))),
            _ => return done,
        };
        record(&state, Entry::of(action, actor, outcome, now_ms()));
        done
    });
    match timeout(MAX_WAIT, work).await {
        Ok(Ok(done)) => done.map_err(|refused| refused::shown(http, refused)),
        Ok(Err(_)) => Err(HttpError::unavailable("the daemon is stopping")),
        Err(_) => Err(HttpError::unavailable(
            "the disk does not answer: it may still be written",
        )),
    }
}

/// The record of what was written.
async fn answer(http: &HttpState, done: Done) -> Result<Agent, HttpError> {
    after(http).await?;
    let read = timeout(MAX_WAIT, http.reports.definition(done.agent_id)).await;
    read.map_err(|_| unread())?.map_err(|_| unread())
}

/// The next answers have what was done.
async fn after(http: &HttpState) -> Result<(), HttpError> {
    let scanned = http.reports.definitions().handle.refresh().await;
    scanned.map(drop).map_err(|_| unread())
}

fn unread() -> HttpError {
    HttpError::unavailable("it is done, and the definitions cannot be read again now")
}
