//! What is kept of texts and values, redacted and short.

use serde_json::Value as Json;

use agentpulse_redact::{redact, without_homes};

use crate::yaml::Value;

/// Of a field that the client does not know.
pub const MAX_VALUE_CHARS: usize = 200;

/// Redacted, then cut.
pub fn clean(text: &str, max_chars: usize) -> String {
    let clean = redact(text);
    without_homes(&clean).chars().take(max_chars).collect()
}

/// Scalars, short; of what is nested it is known that it is there.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => clean(text, MAX_VALUE_CHARS).into(),
        Value::List(_) => "[…]".into(),
        Value::Map(_) => "{…}".into(),
    }
}
