//! What all routes of the queue have in common.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{Extensions, HeaderMap, Request};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::http::error::HttpError;
use crate::http::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_api::params::{InvalidParameter, Param, Params};
use agentpulse_queue::asked::MAX_BODY_BYTES;
use agentpulse_queue::liveness::of_call;
use agentpulse_queue::{Denied, Queue};
use agentpulse_reports::selection::Asker;
use agentpulse_store::access::{Grant, Scope};
use agentpulse_tasks::link::Link;
use agentpulse_tasks::refusal::Refusal;

const ID: Param = Param::new("id", "Its number.");
const KEY: &str = "idempotency-key";
/// The tool call in which a worker asks, as the hooks of its client report it.
const TOOL_USE: &str = "tool-use-id";
const MAX_KEY_BYTES: usize = 256;
/// Who asks on the control socket, or without a key.
const USER: &str = "user";

pub type Item = Result<Path<String>, PathRejection>;

/// # Errors
/// There is none: its file cannot be opened.
pub fn queue(http: &HttpState) -> Result<&Arc<Queue>, HttpError> {
    let none = || HttpError::unavailable("tasks.db cannot be opened: there is no queue");
    http.queue.as_ref().ok_or_else(none)
}

/// A request that was read.
pub struct Asked<T> {
    pub request: T,
    /// As it came.
    pub bytes: Bytes,
    /// Of requests that may come again; one of each client.
    pub key: Option<String>,
    pub who: String,
    pub by: By,
}

/// Which execution asks.
#[derive(Default)]
pub struct By {
    pub link: Option<Link>,
    /// The tool call, of which no hook has come yet.
    pub call: Option<String>,
}

pub async fn read<T: DeserializeOwned>(
    http: &HttpState,
    request: Request<Body>,
) -> Result<Asked<T>, HttpError> {
    Params::of(request.uri().query(), None).only(&[])?;
    let who = who(request.extensions());
    let place = format!("{} {}", request.method(), request.uri().path());
    let key = header(request.headers(), KEY)?.map(|key| format!("{who} {place} {key}"));
    let by = by(http, header(request.headers(), TOOL_USE)?);
    let body = http.bodies.read(request, MAX_BODY_BYTES).await?;
    let bytes = match body.bytes.is_empty() {
        true => Bytes::from_static(b"{}"),
        false => body.bytes.clone(),
    };
    let request = serde_json::from_slice(&bytes)
        .map_err(|error| HttpError::invalid_body(error.to_string()))?;
    Ok(Asked {
        request,
        bytes,
        key,
        who,
        by,
    })
}

fn by(http: &HttpState, call: Option<String>) -> By {
    match call
        .as_deref()
        .and_then(|call| of_call(&http.running, call))
    {
        Some(link) => By {
            link: Some(link),
            call: None,
        },
        None => By { link: None, call },
    }
}

fn header(headers: &HeaderMap, name: &str) -> Result<Option<String>, HttpError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let wrong = || {
        let message = format!("{name}: 1 to {MAX_KEY_BYTES} printable characters");
        HttpError::invalid_parameter(message)
    };
    let text = value.to_str().map_err(|_| wrong())?;
    match (1..=MAX_KEY_BYTES).contains(&text.len()) {
        true => Ok(Some(text.to_owned())),
        false => Err(wrong()),
    }
}

/// The name of the key, or the user.
pub fn who(extensions: &Extensions) -> String {
    let grant = extensions.get::<Grant>();
    grant.map_or_else(|| USER.to_owned(), |grant| grant.name().to_owned())
}

pub fn asker(extensions: &Extensions) -> Asker {
    extensions
        .get::<Grant>()
        .map_or(Asker::LOCAL, |grant| Asker {
            key: Some(grant.name().to_owned()),
            may_report: grant.opens(Scope::Ingest),
        })
}

/// # Errors
/// It is no number.
pub fn id(item: Item) -> Result<i64, HttpError> {
    let Path(item) = item.map_err(|_| HttpError::invalid_parameter("the path must be UTF-8"))?;
    Ok(item_id(&Params::of(None, Some(item)))?)
}

pub fn item_id(params: &Params) -> Result<i64, InvalidParameter> {
    params.item_number(ID)
}

/// # Errors
/// It is no role, and no agent that is defined: a task for a name that is misspelt would wait for
/// ever.
pub async fn check_assigned(http: &HttpState, to: &str) -> Result<(), HttpError> {
    let queue = queue(http)?;
    let roles = &queue.settings().roles;
    let is_role = roles.names.contains(to);
    let is_agent = || roles.agents.values().flatten().any(|agent| agent == to);
    if is_role || is_agent() {
        return Ok(());
    }
    let current = http.reports.definitions().handle.scanned().await;
    let agents = current.snapshot.registered.agents.values();
    let names: BTreeSet<&str> = agents.map(|agent| agent.run_name()).collect();
    match names.contains(to) {
        true => Ok(()),
        false => Err(refused(Refusal::UnknownRole(to.to_owned()))),
    }
}

pub fn denied(denied: Denied) -> HttpError {
    match denied {
        Denied::Refused(refusal) => refused(refusal),
        Denied::Unwritten(_) | Denied::Busy => HttpError::unavailable(denied.to_string()),
    }
}

pub fn refused(refusal: Refusal) -> HttpError {
    let code = match &refusal {
        Refusal::Invalid(_) => Code::InvalidBody,
        Refusal::UnknownTask(_) => Code::UnknownTask,
        Refusal::UnknownMessage(_) => Code::UnknownMessage,
        Refusal::UnknownRole(_) => Code::UnknownRole,
        Refusal::LeaseLost(_) => Code::LeaseLost,
        Refusal::AlreadyEnded { .. } => Code::AlreadyEnded,
        Refusal::WrongStatus { .. } => Code::WrongStatus,
        Refusal::TooMany(_) => Code::TooManyTasks,
        Refusal::KeyReused => Code::KeyReused,
    };
    HttpError::new(code, refusal.to_string())
}
