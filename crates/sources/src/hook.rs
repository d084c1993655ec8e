//! The event `hook`: what a hook of a coding agent was given, and when.

use xxhash_rust::xxh3::xxh3_64;

use super::clock::Clock;
use super::fields::Fields;
use super::json::{Object, reason};
use super::source::{SOURCES, names};
use agentpulse_core::error::Rejection;
use agentpulse_core::event::Event;

pub(crate) fn hook(fields: &Fields) -> Result<Event, Rejection> {
    let id = fields.required_name("id")?;
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(fields.refuse("id must be 32 hexadecimal digits"));
    }
    let source = fields.required_name("source")?;
    let Some(observed_ms) = fields.time("observed_at")? else {
        return Err(fields.refuse("observed_at is required"));
    };
    let observed_ms = fields.remembered("observed_at", observed_ms)?;
    let payload = fields.object.get("payload").map(Object::of);
    let payload = match payload.transpose() {
        Ok(payload) => payload.flatten(),
        Err(error) => return Err(fields.refuse(format_args!("payload: {}", reason(&error)))),
    };
    let Some(payload) = payload else {
        return Err(fields.refuse("payload must be an object"));
    };
    let line = xxh3_64(id.to_ascii_lowercase().as_bytes());
    hook_payload(&source, payload, line, observed_ms, fields.clock)
}

/// Translates a payload that a hook of `source` was given; `line` stands for the line that brought
/// it, also when that comes again.
pub fn hook_payload(
    source: &str,
    payload: Object,
    line: u64,
    observed_ms: i64,
    clock: &Clock,
) -> Result<Event, Rejection> {
    let fields = Fields {
        event: "hook",
        object: payload,
        clock,
    };
    match SOURCES.iter().find(|own| own.name == source) {
        Some(source) => (source.translate)(&fields, line, observed_ms),
        None => Err(fields.refuse(format_args!("source must be {}", names().join(" or ")))),
    }
}
