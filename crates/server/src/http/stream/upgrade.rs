//! From a request to a WebSocket (RFC 6455, 4.2). axum's own sends whole messages only, and keeps
//! room for the largest with each connection.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};

use crate::http::error::HttpError;
use agentpulse_api::code::Code;

/// The only version that there is.
const VERSION: &str = "13";
/// A client has nothing to send but pings and pongs.
const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// Read at once, and kept for each connection: a ping fits many times over.
const READ_BYTES: usize = 1 << 10;

pub type Wire = WebSocketStream<TokioIo<Upgraded>>;

pub struct Upgrade {
    key: HeaderValue,
    upgraded: OnUpgrade,
}

impl<S: Sync> FromRequestParts<S> for Upgrade {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Upgrade, HttpError> {
        Upgrade::of(parts).ok_or_else(|| {
            let message = "this is a WebSocket: ask for an upgrade by GET";
            HttpError::new(Code::UpgradeRequired, message)
        })
    }
}

impl Upgrade {
    fn of(parts: &mut Parts) -> Option<Upgrade> {
        let headers = &parts.headers;
        let is_known = headers.get(SEC_WEBSOCKET_VERSION)?.as_bytes() == VERSION.as_bytes();
        let key = headers.get(SEC_WEBSOCKET_KEY)?.clone();
        if !is_known || !is_asked_for(&parts.method, headers) {
            return None;
        }
        let upgraded = parts.extensions.remove()?;
        Some(Upgrade { key, upgraded })
    }

    /// Serves it once the answer is sent. A client that has gone by then needs nothing.
    pub fn accept<F>(self, serve: impl FnOnce(Wire) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send,
    {
        let accepted = derive_accept_key(self.key.as_bytes());
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_frame_size(Some(MAX_MESSAGE_BYTES))
            .max_message_size(Some(MAX_MESSAGE_BYTES));
        tokio::spawn(async move {
            if let Ok(upgraded) = self.upgraded.await {
                let (role, io) = (Role::Server, TokioIo::new(upgraded));
                serve(WebSocketStream::from_raw_socket(io, role, Some(config)).await).await;
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.extend(HeaderValue::try_from(accepted).map(|key| (SEC_WEBSOCKET_ACCEPT, key)));
        response
    }
}

/// Whether a request is one for a WebSocket.
pub fn is_asked_for(method: &Method, headers: &HeaderMap) -> bool {
    let names = |header: HeaderName, word: &str| {
        let values = headers.get_all(header).iter();
        let lists = values.filter_map(|value| value.to_str().ok());
        lists
            .flat_map(|list| list.split(','))
            .any(|name| name.trim().eq_ignore_ascii_case(word))
    };
    *method == Method::GET && names(UPGRADE, "websocket") && names(CONNECTION, "upgrade")
}
