//! The two WebSockets: the daemon's own stream, and the existing dashboard's dialect.

mod changes;
mod dashboard;
mod socket;

use std::future::pending;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;

use self::socket::{Ending, MAX_MESSAGE_BYTES, Socket};
use super::HttpState;
use super::error::{Code, HttpError};
use crate::access::Pass;
use crate::flow::clock::now_ms;
use crate::report::stream::Place;

type Http = State<Arc<HttpState>>;
/// The key that the connection came with; none where none is needed.
type Key = Option<Extension<Pass>>;
type Asked = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// `/api/agents/stream`
pub async fn own(State(http): Http, pass: Key, asked: Asked) -> Result<Response, HttpError> {
    let (upgrade, place) = admit(&http, asked)?;
    Ok(upgrade.on_upgrade(async move |socket| {
        let mut socket = Socket::new(socket, &http.stream);
        let ending = tokio::select! {
            ending = changes::serve(&mut socket) => ending,
            () = ended(pass) => Ending::KeyEnded,
        };
        socket.close(ending).await;
        drop(place);
    }))
}

/// `/stream`
pub async fn of_dashboard(
    State(http): Http,
    pass: Key,
    asked: Asked,
) -> Result<Response, HttpError> {
    let (upgrade, place) = admit(&http, asked)?;
    Ok(upgrade.on_upgrade(async move |socket| {
        let mut socket = Socket::new(socket, &http.stream);
        let ending = tokio::select! {
            ending = dashboard::serve(&mut socket, &http.reports) => ending,
            () = ended(pass) => Ending::KeyEnded,
        };
        socket.close(ending).await;
        drop(place);
    }))
}

/// A connection does not outlive its key.
async fn ended(pass: Key) {
    match pass {
        Some(Extension(pass)) => pass.ended(now_ms()).await,
        None => pending().await,
    }
}

fn admit(http: &HttpState, asked: Asked) -> Result<(WebSocketUpgrade, Place), HttpError> {
    let upgrade = asked.map_err(|_| {
        let message = "this is a WebSocket: ask for an upgrade by GET";
        HttpError::new(Code::UpgradeRequired, message)
    })?;
    let place = http.stream.enter().ok_or_else(|| {
        let message = "limits.stream_clients are connected: come again later";
        HttpError::new(Code::TooManyClients, message)
    })?;
    let upgrade = upgrade
        .max_frame_size(MAX_MESSAGE_BYTES)
        .max_message_size(MAX_MESSAGE_BYTES);
    Ok((upgrade, place))
}
