//! Free text on its way in: redacted first, then cut, so that no cut leaves half a secret unseen.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{MAX_NAME_BYTES, MAX_TEXT_BYTES};
use crate::domain::redact::redact;

/// The marks of a text that was cut.
const CUT_MARK: &str = "…[cut]";

fn redacted(text: String) -> String {
    match redact(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(clean) => clean,
    }
}

/// Redacts an id or a name; none where it is a text, which no cut makes a name.
pub fn clean_name(name: String) -> Option<String> {
    let is_name = (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    is_name.then(|| redacted(name))
}

/// Redacts a text, and cuts it to [`MAX_TEXT_BYTES`].
pub fn clean_text(text: String) -> String {
    let mut text = redacted(text);
    if text.len() > MAX_TEXT_BYTES {
        let mut end = MAX_TEXT_BYTES - CUT_MARK.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(CUT_MARK);
    }
    text
}

pub fn clean_object(object: Map<String, Value>) -> Map<String, Value> {
    object
        .into_iter()
        .map(|(key, value)| (clean_text(key), clean_value(value)))
        .collect()
}

fn clean_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean_text(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(clean_value).collect()),
        Value::Object(object) => Value::Object(clean_object(object)),
        plain => plain,
    }
}
