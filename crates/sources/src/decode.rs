//! One JSON object is one event: its kind decides how it is read.

use serde_json::value::RawValue;

use super::clock::Clock;
use super::fields::Fields;
use super::hook::hook;
use super::json::{Object, nesting, reason};
use super::line_key::LineKey;
use super::plain::{progress, start, stop};
use agentpulse_core::error::Rejection;
use agentpulse_core::event::Event;
use agentpulse_core::limits::MAX_NESTING;

/// Decodes one line, for which `key` stands.
pub fn decode(line: &[u8], clock: &Clock, key: LineKey) -> Result<Event, Rejection> {
    let text = std::str::from_utf8(line).map_err(|_| Rejection::new("not UTF-8"))?;
    let object = Object::parse(text).map_err(|error| match error.is_data() {
        true => Rejection::new(reason(&error)),
        false => {
            let (column, reason) = (error.column(), reason(&error));
            Rejection::new(format!("not JSON at column {column}: {reason}"))
        }
    })?;
    match object {
        Some(object) => decode_object(object, clock, key),
        None => Err(Rejection::new("an event must be a JSON object")),
    }
}

/// Decodes an event whose fields are known.
pub fn decode_object(object: Object, clock: &Clock, key: LineKey) -> Result<Event, Rejection> {
    // The event itself is one level. A field that nobody reads counts as well.
    let is_deep = |(_, value): (&str, &RawValue)| nesting(value.get()) >= MAX_NESTING;
    if object.iter().any(is_deep) {
        return Err(Rejection::new(format!("nesting must be 0..={MAX_NESTING}")));
    }
    let kind = object.string("event");
    let fields = |event| Fields {
        event,
        object,
        clock,
    };
    match kind.as_deref() {
        Some("start") => start(&fields("start")),
        Some("progress") => progress(&fields("progress")),
        Some("stop") => stop(&fields("stop"), key),
        Some("hook") => hook(&fields("hook")),
        _ => Err(Rejection::new(
            "event must be one of start, progress, stop, hook",
        )),
    }
}
