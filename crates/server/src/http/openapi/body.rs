//! The request bodies, as JSON Schema. What decodes them is [`agentpulse_sources`]; the bounds
//! are its own.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::operation::Body;
use crate::http::hooks::MAX_PAYLOAD_BYTES;
use crate::http::intake::MAX_EVENTS_BYTES;
use crate::intake::MAX_LINE_BYTES;
use agentpulse_core::limits::{MAX_COST, MAX_COUNT, MAX_ITEMS, MAX_NAME_BYTES};
use agentpulse_core::sketch::MAX_DURATION_MS;
use agentpulse_reports::selection::{Ask, Feedback, MAX_BODY_BYTES, MAX_FEEDBACK_BYTES};
use agentpulse_sources::{SECONDS_BELOW, TIME_RANGE_MS};

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// Many events. An empty list is valid.
pub fn events() -> Body {
    let kinds = [
        kind("start", start_fields(), &["agent_id", "agent_name"]),
        kind("progress", progress_fields(), &["agent_id"]),
        kind("stop", stop_fields(), &[]),
        kind(
            "hook",
            hook_fields(),
            &["id", "source", "payload", "observed_at"],
        ),
    ];
    let array = json!({
        "type": "array",
        "items": {"oneOf": kinds},
        "description": "Each is checked alone: the others are accepted even if one is rejected.",
    });
    let lines = json!({"type": "string", "description": "One event a line."});
    Body {
        content: vec![(JSON, array), (LINES, lines)],
        is_required: false,
        max_bytes: MAX_EVENTS_BYTES,
    }
}

/// One start.
pub fn start() -> Body {
    one(
        object(start_fields(), &["agent_id", "agent_name"]),
        MAX_LINE_BYTES,
    )
}

/// One stop, also as the dashboard's own hooks send it.
pub fn complete() -> Body {
    let mut fields = stop_fields();
    let longest_s = MAX_DURATION_MS / 1_000;
    fields.extend(fields_of([
        (
            "duration",
            json!({
                "minimum": 0, "maximum": longest_s,
                "description": "Seconds, for want of duration_ms; what is no number is ignored.",
            }),
        ),
        (
            "error_occurred",
            json!({"description": "True stands for the status failure where there is none."}),
        ),
    ]));
    one(object(fields, &[]), MAX_LINE_BYTES)
}

/// The payload of a coding agent's hook.
pub fn payload() -> Body {
    let description = "As the coding agent writes it; events without a meaning here are ignored.";
    let mut payload = hook_payload();
    payload["description"] = json!(description);
    one(payload, MAX_PAYLOAD_BYTES)
}

/// A task for which agents are ranked.
pub fn selection() -> Body {
    one(schema::<Ask>(), MAX_BODY_BYTES)
}

/// How a selection ended.
pub fn feedback() -> Body {
    one(schema::<Feedback>(), MAX_FEEDBACK_BYTES)
}

/// The same, which may be left out.
pub fn maybe<T: JsonSchema>(max_bytes: usize) -> Body {
    Body {
        is_required: false,
        ..of::<T>(max_bytes)
    }
}

/// What decodes to a `T`.
pub fn of<T: JsonSchema>(max_bytes: usize) -> Body {
    one(schema::<T>(), max_bytes)
}

fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let schema = settings.into_generator().into_root_schema_for::<T>();
    schema.to_value()
}

pub(super) fn one(schema: Value, max_bytes: usize) -> Body {
    Body {
        content: vec![(JSON, schema)],
        is_required: true,
        max_bytes,
    }
}

pub(super) type Fields = Map<String, Value>;

pub(super) fn fields_of<const N: usize>(fields: [(&str, Value); N]) -> Fields {
    let owned = fields.map(|(name, schema)| (name.to_owned(), schema));
    owned.into_iter().collect()
}

pub(super) fn object(fields: Fields, required: &[&str]) -> Value {
    json!({"type": "object", "required": required, "properties": fields})
}

fn kind(event: &str, mut fields: Fields, required: &[&str]) -> Value {
    fields.insert("event".to_owned(), json!({"const": event}));
    let required = [&["event"], required].concat();
    object(fields, &required)
}

fn start_fields() -> Fields {
    let mut fields = fields_of([
        ("agent_id", name()),
        ("agent_name", name()),
        ("agent_type", optional_name()),
        ("start_time", optional(remembered())),
        ("task_description", optional(json!({"type": "string"}))),
        ("tools_granted", optional(names())),
        ("context_size", optional(count())),
    ]);
    fields.extend(origin());
    fields
}

fn progress_fields() -> Fields {
    fields_of([
        ("agent_id", name()),
        (
            "progress",
            optional(json!({"type": "number", "minimum": 0, "maximum": 1})),
        ),
        ("current_tool", optional_name()),
        ("timestamp", optional(time())),
    ])
}

fn stop_fields() -> Fields {
    let words = [
        "success",
        "complete",
        "completed",
        "failure",
        "failed",
        "timeout",
    ];
    let duration = json!({"type": "integer", "minimum": 0, "maximum": MAX_DURATION_MS});
    let calls = json!({
        "type": "object", "maxProperties": MAX_ITEMS,
        "propertyNames": name(), "additionalProperties": optional(count()),
    });
    let mut fields = fields_of([
        ("agent_id", run_id()),
        ("agent_name", optional_name()),
        ("agent_type", optional_name()),
        ("execution_start", optional(time())),
        ("execution_end", optional(remembered())),
        ("duration_ms", optional(duration)),
        ("status", optional(json!({"type": "string", "enum": words}))),
        ("error_details", optional(own())),
        ("tools_used", optional(names())),
        ("tool_calls", optional(calls)),
        ("token_usage", optional(token_usage())),
        ("performance_metrics", optional(own())),
        ("task_metadata", optional(own())),
        ("output_metrics", optional(own())),
    ]);
    fields.extend(origin());
    fields
}

fn hook_fields() -> Fields {
    fields_of([
        (
            "id",
            json!({"type": "string", "pattern": "^[0-9a-fA-F]{32}$"}),
        ),
        ("source", json!({"enum": agentpulse_sources::names()})),
        ("payload", hook_payload()),
        ("observed_at", remembered()),
    ])
}

/// What every payload has. Each event has more of its own.
fn hook_payload() -> Value {
    let fields = fields_of([
        ("hook_event_name", name()),
        ("session_id", optional_name()),
        ("agent_id", optional_name()),
    ]);
    object(fields, &["hook_event_name"])
}

fn origin() -> Fields {
    let names = [
        "session_id",
        "parent_agent_id",
        "model",
        "project",
        "branch",
        "host",
        "source",
    ];
    fields_of(names.map(|field| (field, optional_name())))
}

fn token_usage() -> Value {
    let cost = json!({
        "type": "number", "minimum": 0, "maximum": MAX_COST, "description": "Dollars.",
    });
    let fields = fields_of([
        ("input_tokens", optional(count())),
        ("output_tokens", optional(count())),
        ("cache_read_tokens", optional(count())),
        ("cache_write_tokens", optional(count())),
        ("total_tokens", optional(count())),
        ("estimated_cost", optional(cost)),
    ]);
    json!({"type": "object", "maxProperties": MAX_ITEMS, "properties": fields})
}

/// An id or a name. The bound is in bytes, which JSON Schema cannot express.
fn name() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": MAX_NAME_BYTES,
        "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
    })
}

/// One that may be absent, null or empty.
fn optional_name() -> Value {
    let mut name = optional(name());
    name["minLength"] = json!(0);
    name
}

/// The id that a stop may lack.
fn run_id() -> Value {
    let mut id = optional_name();
    id["description"] = json!("Without one the stop is a whole run, and gets an id.");
    id
}

fn names() -> Value {
    json!({"type": "array", "maxItems": MAX_ITEMS, "items": optional_name()})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": MAX_COUNT})
}

/// An object whose fields are the sender's own.
fn own() -> Value {
    json!({"type": "object", "maxProperties": MAX_ITEMS})
}

/// RFC 3339, or a Unix number in seconds or milliseconds.
fn time() -> Value {
    let (least_ms, most_ms) = TIME_RANGE_MS.into_inner();
    json!({"anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "number", "minimum": least_ms / 1_000, "maximum": most_ms},
        {"type": "number", "minimum": least_ms, "maximum": -SECONDS_BELOW},
    ]})
}

/// A time that decides where an execution is counted.
fn remembered() -> Value {
    let mut time = time();
    time["description"] = json!("Refused where it is older than history.keep (90 days).");
    time
}

/// Null is the same as absent.
pub(super) fn optional(mut schema: Value) -> Value {
    if let Some(Value::Array(all)) = schema.get_mut("anyOf") {
        all.push(json!({"type": "null"}));
        return schema;
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
    schema["type"] = json!([schema["type"], "null"]);
    schema
}
