//! Errors as clients see them. Inner causes are logged, never sent.

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{RETRY_AFTER, UPGRADE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::intake::{IngestCounts, IngestError, Unavailable};
use agentpulse_redact::redact;

/// `CodeName, "code_name", STATUS, "what it means";`
macro_rules! codes {
    ($($code:ident, $name:literal, $status:ident, $meaning:literal;)*) => {
        /// What went wrong, in one word. Each has its status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($code,)*
        }

        impl Code {
            /// As it stands in answers.
            pub fn name(self) -> &'static str {
                match self {
                    $(Code::$code => $name,)*
                }
            }

            pub fn status(self) -> StatusCode {
                match self {
                    $(Code::$code => StatusCode::$status,)*
                }
            }

            /// For the document of the routes.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Code::$code => $meaning,)*
                }
            }
        }
    };
}

codes! {
    InvalidParameter, "invalid_parameter", BAD_REQUEST, "a parameter is out of its bounds";
    InvalidBody, "invalid_body", BAD_REQUEST, "the body cannot be read";
    InvalidEvent, "invalid_event", BAD_REQUEST, "the event was refused";
    InvalidHost, "invalid_host", BAD_REQUEST, "the request does not name its host once";
    Unauthorized, "unauthorized", UNAUTHORIZED, "a valid key is required";
    Forbidden, "forbidden", FORBIDDEN, "the key lacks the scope";
    ForbiddenOrigin, "forbidden_origin", FORBIDDEN, "pages of that origin are not allowed";
    UnknownRoute, "unknown_route", NOT_FOUND, "there is no such route";
    UnknownAgent, "unknown_agent", NOT_FOUND, "no agent has that name";
    UnknownExecution, "unknown_execution", NOT_FOUND, "no execution has that id";
    UnknownKey, "unknown_key", NOT_FOUND, "there is no such key";
    MethodNotAllowed, "method_not_allowed", METHOD_NOT_ALLOWED, "the route does not take this method";
    TooSlow, "too_slow", REQUEST_TIMEOUT, "the body took too long";
    Busy, "busy", CONFLICT, "the same operation is in progress";
    Conflict, "conflict", CONFLICT, "it exists already, or the limit is reached";
    TooLarge, "too_large", PAYLOAD_TOO_LARGE, "the body is too large";
    UnknownHost, "unknown_host", MISDIRECTED_REQUEST, "the daemon is not configured for this host";
    Refused, "refused", UNPROCESSABLE_ENTITY, "the settings are invalid";
    Damaged, "damaged", UNPROCESSABLE_ENTITY, "a database is damaged";
    UpgradeRequired, "upgrade_required", UPGRADE_REQUIRED, "this is a WebSocket";
    TooManyRequests, "too_many_requests", TOO_MANY_REQUESTS, "try again later";
    Failed, "failed", INTERNAL_SERVER_ERROR, "the operation failed";
    CannotWrite, "cannot_write", INSUFFICIENT_STORAGE, "the file cannot be written there";
    Unavailable, "unavailable", SERVICE_UNAVAILABLE, "reports and events are unavailable now";
    Interrupted, "interrupted", SERVICE_UNAVAILABLE, "only the events in totals were accepted";
    NotReady, "not_ready", SERVICE_UNAVAILABLE, "the message says why";
    TooManyConnections, "too_many_connections", SERVICE_UNAVAILABLE, "all connections are busy";
    TooManyClients, "too_many_clients", SERVICE_UNAVAILABLE, "all places are taken";
}

/// `{"error":{"code":"invalid_parameter","message":"hours must be 1..=168"}}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    pub code: Code,
    pub message: Cow<'static, str>,
    /// Beside the error: the events that were accepted before it.
    pub totals: Option<IngestCounts>,
}

impl HttpError {
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError {
            code,
            message: message.into(),
            totals: None,
        }
    }

    pub fn invalid_parameter(message: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError::new(Code::InvalidParameter, message)
    }

    pub fn invalid_body(message: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError::new(Code::InvalidBody, message)
    }

    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError::new(Code::Unavailable, message)
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let mut body = json!({"error": {"code": self.code.name(), "message": self.message}});
        if let Some(totals) = self.totals {
            body["totals"] = json!(totals);
        }
        let mut response = (self.code.status(), Json(body)).into_response();
        if matches!(self.code, Code::TooManyRequests | Code::Unavailable) {
            let soon = HeaderValue::from_static("1");
            response.headers_mut().insert(RETRY_AFTER, soon);
        }
        if self.code == Code::UpgradeRequired {
            let protocol = HeaderValue::from_static("websocket");
            response.headers_mut().insert(UPGRADE, protocol);
        }
        response
    }
}

impl From<agentpulse_reports::Error> for HttpError {
    fn from(error: agentpulse_reports::Error) -> HttpError {
        let code = match error {
            agentpulse_reports::Error::UnknownAgent(_) => Code::UnknownAgent,
            agentpulse_reports::Error::UnknownExecution(_) => Code::UnknownExecution,
            agentpulse_reports::Error::Unavailable(_) => {
                return HttpError::unavailable("no answer is available now");
            }
            agentpulse_reports::Error::Busy(_) => {
                return HttpError::unavailable("too many requests at once: try again later");
            }
            agentpulse_reports::Error::TooMany => {
                return HttpError::new(
                    Code::TooManyRequests,
                    "too many requests of one client at once: wait for the answers",
                );
            }
        };
        // Proxies log answers, so they must not repeat a secret.
        HttpError::new(code, redact(&error.to_string()).into_owned())
    }
}

impl From<Unavailable> for HttpError {
    fn from(_: Unavailable) -> HttpError {
        HttpError::unavailable("events cannot be accepted now")
    }
}

impl From<IngestError> for HttpError {
    fn from(untaken: IngestError) -> HttpError {
        match untaken {
            IngestError::NoJson(reason) => HttpError::invalid_body(reason),
            IngestError::Unavailable(unavailable) => unavailable.into(),
            IngestError::Rest(totals) => HttpError {
                totals: Some(totals),
                ..HttpError::new(
                    Code::Interrupted,
                    "only a part of the events could be taken: send all of them again",
                )
            },
        }
    }
}

pub async fn unknown_route() -> HttpError {
    HttpError::new(Code::UnknownRoute, "there is no such route")
}

pub async fn wrong_method() -> HttpError {
    let message = "the route does not take this method";
    HttpError::new(Code::MethodNotAllowed, message)
}
