//! The routes of the WebSockets.

use std::future::pending;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use tokio::sync::watch;

use super::follow;
use super::socket::{Ending, Socket};
use super::upgrade::Upgrade;
use crate::http::error::HttpError;
use crate::http::security::SecurityLayer;
use crate::http::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::connection_slots::ConnectionHolder;
use agentpulse_reports::stream::{Dialect, Place};
use agentpulse_store::access::{Actor, Grant};

type Http = State<Arc<HttpState>>;
/// The credentials of the connection.
type Key = (Option<Extension<Grant>>, Option<Extension<Actor>>);
type Whose = Extension<ConnectionHolder>;

/// [`OWN`](super::paths::OWN)
pub async fn own(
    State(http): Http,
    grant: Key,
    holder: Whose,
    upgrade: Upgrade,
) -> Result<Response, HttpError> {
    open(http, grant, holder, upgrade, Dialect::Own)
}

/// [`OF_DASHBOARD`](super::paths::OF_DASHBOARD)
pub async fn of_dashboard(
    State(http): Http,
    grant: Key,
    holder: Whose,
    upgrade: Upgrade,
) -> Result<Response, HttpError> {
    open(http, grant, holder, upgrade, Dialect::Dashboard)
}

/// [`OF_REGISTRY`](super::paths::OF_REGISTRY)
pub async fn of_registry(
    State(http): Http,
    grant: Key,
    holder: Whose,
    upgrade: Upgrade,
) -> Result<Response, HttpError> {
    open(http, grant, holder, upgrade, Dialect::Registry)
}

fn open(
    http: Arc<HttpState>,
    grant: Key,
    holder: Whose,
    upgrade: Upgrade,
    dialect: Dialect,
) -> Result<Response, HttpError> {
    let place = admit(&http, holder)?;
    Ok(upgrade.accept(async move |wire| {
        let mut socket = Socket::new(wire, &http.stream, &place);
        let ending = tokio::select! {
            ending = follow::serve(&mut socket, dialect) => ending,
            ending = close_when_unauthorized(&http, grant) => ending,
            () = place.lost() => Ending::Evicted,
        };
        socket.close(ending).await;
        drop(place);
    }))
}

/// A connection does not outlive its key, nor the time when none was needed. The daemon's own user,
/// whom only the control socket knows, needs none ever.
async fn close_when_unauthorized(http: &HttpState, key: Key) -> Ending {
    match key {
        (Some(Extension(grant)), _) => {
            grant.ended(now_ms()).await;
            Ending::KeyEnded
        }
        (None, Some(_)) => pending().await,
        (None, None) => {
            keys_needed(http.security.clone()).await;
            Ending::KeyNeeded
        }
    }
}

/// A first key may be created, and the settings may be reloaded.
async fn keys_needed(mut layers: watch::Receiver<Arc<SecurityLayer>>) {
    loop {
        let security = layers.borrow_and_update().clone();
        tokio::select! {
            () = security.authorizer.keys_needed() => return,
            changed = layers.changed() => if changed.is_err() {
                // The daemon is stopping; the connection learns of it elsewhere.
                return pending().await;
            },
        }
    }
}

fn admit(http: &HttpState, Extension(holder): Whose) -> Result<Place, HttpError> {
    http.stream.enter(holder).ok_or_else(|| {
        let message = "limits.stream_clients are connected: try again later";
        HttpError::new(Code::TooManyClients, message)
    })
}
