//! Errors as clients see them. Inner causes are logged, never sent.

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{RETRY_AFTER, UPGRADE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::intake::{IngestCounts, IngestError, Unavailable};
use agentpulse_api::code::Code;
use agentpulse_api::params::InvalidParameter;
use agentpulse_redact::redact;
use agentpulse_reports::registry::Finding;

/// `{"error":{"code":"invalid_parameter","message":"hours must be 1..=168"}}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    pub code: Code,
    pub message: Cow<'static, str>,
    /// Beside the error: the events that were accepted before it.
    pub totals: Option<IngestCounts>,
    /// Beside the error: what is wrong with a definition.
    pub findings: Option<Vec<Finding>>,
}

impl HttpError {
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError {
            code,
            message: message.into(),
            totals: None,
            findings: None,
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
        if let Some(findings) = self.findings {
            body["findings"] = json!(findings);
        }
        let mut response = (status(self.code), Json(body)).into_response();
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

/// Every code has a status of HTTP.
pub fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl From<InvalidParameter> for HttpError {
    fn from(InvalidParameter(message): InvalidParameter) -> HttpError {
        HttpError::invalid_parameter(message)
    }
}

impl From<agentpulse_reports::Error> for HttpError {
    fn from(error: agentpulse_reports::Error) -> HttpError {
        let code = match error {
            agentpulse_reports::Error::UnknownAgent(_) => Code::UnknownAgent,
            agentpulse_reports::Error::UnknownExecution(_) => Code::UnknownExecution,
            agentpulse_reports::Error::UnknownSession(_) => Code::UnknownSession,
            agentpulse_reports::Error::Ambiguous(..) => Code::Ambiguous,
            agentpulse_reports::Error::NoPrompt(_) => Code::NoPrompt,
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
