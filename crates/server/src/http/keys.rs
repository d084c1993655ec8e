//! API keys, over the control socket only: if a key could create keys, its holder could never be
//! locked out again.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::error::HttpError;
use super::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_api::params::{Param, Params};
use agentpulse_pipeline::clock::now_ms;
use agentpulse_store::access::{Access, Actor, Error, NewKey, Scopes};

const EXPIRES: Param = Param::new("expires", "When the key ends; the default is never.");

/// `{"key":{…,"text":"ap_…"}}`: the one answer that ever holds a key.
pub async fn create(
    State(http): State<Arc<HttpState>>,
    Extension(actor): Extension<Actor>,
    request: Request<Body>,
) -> Result<Json<Value>, HttpError> {
    let params = Params::of(request.uri().query(), None);
    let scopes = Scopes::parse(params.get("scopes").unwrap_or_default());
    let new = NewKey {
        name: params.get("name").unwrap_or_default().to_owned(),
        scopes: scopes.ok_or_else(|| {
            HttpError::invalid_parameter("scopes must be a list of read, ingest, admin")
        })?,
        expires_ms: params.time_ms(EXPIRES)?,
    };
    let made = in_background(&http, move |access| access.create(new, actor, now_ms())).await?;
    let (text, key) = made.map_err(failed)?;
    let mut key = json!(key);
    key["text"] = text.into();
    Ok(Json(json!({"key": key})))
}

/// `{"keys":[…]}`, the oldest first.
pub async fn list(State(http): State<Arc<HttpState>>) -> Json<Value> {
    Json(json!({"keys": http.access.list()}))
}

/// `which` is an id or a name.
pub async fn revoke(
    State(http): State<Arc<HttpState>>,
    Extension(actor): Extension<Actor>,
    Path(which): Path<String>,
) -> Result<Json<Value>, HttpError> {
    let ended = in_background(&http, move |access| access.revoke(&which, actor, now_ms())).await?;
    Ok(Json(json!({"key": ended.map_err(failed)?})))
}

/// Work that waits for the disk must not block the runtime.
pub async fn in_background<T: Send + 'static>(
    http: &HttpState,
    work: impl FnOnce(&Access) -> T + Send + 'static,
) -> Result<T, HttpError> {
    let access = http.access.clone();
    tokio::task::spawn_blocking(move || work(&access))
        .await
        .map_err(|_| HttpError::unavailable("the daemon is stopping"))
}

pub fn failed(error: Error) -> HttpError {
    let code = match &error {
        Error::Name => Code::InvalidParameter,
        Error::NameTaken(_) | Error::TooManyKeys => Code::Conflict,
        Error::Unknown(_) => Code::UnknownKey,
        Error::Store(_) | Error::TooManyTickets | Error::NoRandom(_) => {
            tracing::warn!(%error, "keys or the audit trail are unavailable");
            return HttpError::unavailable("keys and the audit trail are unavailable now");
        }
    };
    HttpError::new(code, error.to_string())
}
