//! What a client is told when it gets no answer. Inner causes are logged, never sent.

use std::borrow::Cow;

use axum::Json;
use axum::http::header::UPGRADE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::intake::Unavailable;
use crate::report;

/// `{"error":{"code":"invalid_parameter","message":"hours must be 1..=168"}}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: Cow<'static, str>,
}

impl HttpError {
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> HttpError {
        HttpError {
            status,
            code,
            message: message.into(),
        }
    }

    pub fn invalid_parameter(message: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError::new(StatusCode::BAD_REQUEST, "invalid_parameter", message)
    }

    pub fn invalid_body(message: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError::new(StatusCode::BAD_REQUEST, "invalid_body", message)
    }

    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UPGRADE_REQUIRED {
            let protocol = HeaderValue::from_static("websocket");
            response.headers_mut().insert(UPGRADE, protocol);
        }
        response
    }
}

impl From<report::Error> for HttpError {
    fn from(error: report::Error) -> HttpError {
        match error {
            report::Error::UnknownAgent(_) => {
                HttpError::new(StatusCode::NOT_FOUND, "unknown_agent", error.to_string())
            }
            report::Error::UnknownExecution(_) => HttpError::new(
                StatusCode::NOT_FOUND,
                "unknown_execution",
                error.to_string(),
            ),
            report::Error::Unavailable(_) => HttpError::unavailable("no answer can be given now"),
        }
    }
}

impl From<Unavailable> for HttpError {
    fn from(_: Unavailable) -> HttpError {
        HttpError::unavailable("events cannot be accepted now")
    }
}

pub async fn unknown_route() -> HttpError {
    HttpError::new(
        StatusCode::NOT_FOUND,
        "unknown_route",
        "there is nothing here",
    )
}

pub async fn wrong_method() -> HttpError {
    HttpError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "the route does not take this method",
    )
}
