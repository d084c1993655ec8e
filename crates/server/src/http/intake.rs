//! Events over HTTP: many at once as lines or as an array, or one start or stop in the form that
//! the dashboard's own hooks send.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::error::HttpError;
use super::state::HttpState;
use crate::intake::{Answer, IngestCounts, MAX_LINE_BYTES, object};
use agentpulse_api::code::Code;
use agentpulse_sources::json::{Object, scalar};

/// Some ten thousand events.
pub const MAX_EVENTS_BYTES: usize = 8 << 20;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventsTaken")]
pub struct Taken {
    #[serde(flatten)]
    totals: IngestCounts,
    refusals: Vec<Refused>,
    /// Rejections that are not listed; as on the socket only if there are any.
    #[serde(skip_serializing_if = "is_zero")]
    refusals_omitted: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RefusedEvent")]
struct Refused {
    /// Its line, or its place in the array; both count from 1.
    line: u64,
    error: String,
}

/// One event is durable, or was known.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventTaken")]
pub struct Done {
    /// As it is stored: without secrets. Of a stop without one, the one that it was given.
    agent_id: String,
    #[schemars(extend("const" = true))]
    success: bool,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Accepts lines or an array of events.
pub async fn events(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Response, HttpError> {
    let body = http.bodies.read(request, MAX_EVENTS_BYTES).await?;
    let answer = http.intake.document(body.bytes.clone()).await?;
    Ok(taken(answer))
}

fn taken(answer: Answer) -> Response {
    let status = if answer.totals.rejected > 0 {
        StatusCode::MULTI_STATUS
    } else {
        StatusCode::OK
    };
    let refused = |(line, error)| Refused { line, error };
    let taken = Taken {
        totals: answer.totals,
        refusals: answer.rejections.into_iter().map(refused).collect(),
        refusals_omitted: answer.refusals_omitted,
    };
    (status, Json(taken)).into_response()
}

pub async fn start(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Done>, HttpError> {
    one(&http, request, "start").await
}

pub async fn complete(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Done>, HttpError> {
    one(&http, request, "stop").await
}

async fn one(
    http: &HttpState,
    request: Request<Body>,
    kind: &'static str,
) -> Result<Json<Done>, HttpError> {
    let body = http.bodies.read(request, MAX_LINE_BYTES).await?;
    let mut event = object(&body.bytes).map_err(HttpError::invalid_body)?;
    if kind == "stop" {
        translate_stop(&mut event);
    }
    event.set("event", kind);
    let (agent_id, answer) = http.intake.object(event).await?;
    match answer.rejections.into_iter().next() {
        Some((_, reason)) => Err(HttpError::new(Code::InvalidEvent, reason)),
        None => Ok(Json(Done {
            agent_id,
            success: true,
        })),
    }
}

/// The dashboard's hooks send the duration in seconds, and an error as a flag. Where they do not
/// know it, they send null beside 0 milliseconds.
fn translate_stop(event: &mut Object) {
    let number_of = |event: &Object, field| event.get(field).and_then(scalar)?.as_f64();
    if event.has("duration") && number_of(event, "duration_ms") == Some(0.0) {
        event.set("duration_ms", Value::Null);
    }
    if event.get("duration_ms").is_none()
        && let Some(duration_s) = number_of(event, "duration")
    {
        event.set("duration_ms", (duration_s * 1_000.0).round());
    }
    let failed = event.get("error_occurred").and_then(scalar) == Some(Value::Bool(true));
    let has_status = event.get("status").is_some() && event.string("status") != Some(String::new());
    if failed && !has_status {
        event.set("status", "failure");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The two fields that an event has of it.
    fn translated(event: &Value) -> Value {
        let text = event.to_string();
        let mut event = Object::parse(&text).unwrap().unwrap();
        translate_stop(&mut event);
        let fields = ["duration_ms", "status"];
        let values = fields.map(|field| (field.to_owned(), event.get(field).and_then(scalar)));
        let values = values.into_iter();
        values
            .filter_map(|(field, value)| Some((field, value?)))
            .collect()
    }

    #[test]
    fn the_dashboards_stop_is_understood() {
        let stop = json!({"agent_id": "x", "duration": 1.2346, "error_occurred": true});
        let expect = json!({"duration_ms": 1235.0, "status": "failure"});
        assert_eq!(translated(&stop), expect);
        let stop = json!({"duration": 3, "duration_ms": null, "status": null});
        assert_eq!(translated(&stop), json!({"duration_ms": 3000.0}));
        let stop =
            json!({"duration": null, "duration_ms": 0, "status": "", "error_occurred": true});
        assert_eq!(translated(&stop), json!({"status": "failure"}));
        let stop = json!({"duration": 0.4, "duration_ms": 0});
        assert_eq!(translated(&stop), json!({"duration_ms": 400.0}));
        assert_eq!(
            translated(&json!({"duration_ms": 0})),
            json!({"duration_ms": 0})
        );
    }

    #[test]
    fn fields_of_the_stop_itself_win() {
        let stop = json!({
            "duration": 9, "duration_ms": 7, "error_occurred": true, "status": "complete",
        });
        assert_eq!(
            translated(&stop),
            json!({"duration_ms": 7, "status": "complete"})
        );
        let stop = json!({"duration": "long", "error_occurred": false});
        assert_eq!(translated(&stop), json!({}));
    }

    #[tokio::test]
    async fn refusals_are_told_by_line() {
        let answer = Answer {
            totals: IngestCounts {
                accepted: 1,
                rejected: 1,
                ..IngestCounts::default()
            },
            rejections: vec![(7, "start: agent_id is required".to_owned())],
            refusals_omitted: 0,
        };
        let response = taken(answer);
        assert_eq!(response.status(), StatusCode::MULTI_STATUS);
        let body = axum::body::to_bytes(response.into_body(), 1_000)
            .await
            .unwrap();
        let expect = json!({
            "accepted": 1, "duplicate": 0, "rejected": 1, "progress": 0,
            "refusals": [{"line": 7, "error": "start: agent_id is required"}],
        });
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expect);
        assert_eq!(taken(Answer::default()).status(), StatusCode::OK);
    }
}
