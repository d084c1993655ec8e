//! One-time tickets, for browsers that open a WebSocket.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::authorizer::Refusal;
use super::error::HttpError;
use super::state::HttpState;
use agentpulse_store::access::{Error, Grant, TICKET_LIFE};

#[derive(Serialize, JsonSchema)]
pub struct Ticket {
    expires_in_s: u64,
    ticket: String,
}

/// For a client with a key.
pub async fn issue(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Response, HttpError> {
    let Some(grant) = request.extensions().get::<Grant>() else {
        return Ok(Refusal::Unauthorized.into_response());
    };
    match http.access.ticket(grant.clone(), Instant::now()) {
        Ok(ticket) => {
            let expires_in_s = TICKET_LIFE.as_secs();
            let ticket = Ticket {
                expires_in_s,
                ticket,
            };
            Ok(Json(ticket).into_response())
        }
        Err(Error::TooManyTickets) => {
            let retry_after_s = TICKET_LIFE.as_secs();
            Ok(Refusal::TooMany { retry_after_s }.into_response())
        }
        Err(error) => {
            tracing::warn!(%error, "no ticket could be made");
            Err(HttpError::unavailable("no ticket can be made now"))
        }
    }
}
