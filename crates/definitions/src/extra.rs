//! What is kept of texts and values, redacted and short.

use serde_json::Value as Json;

use agentpulse_redact::{SecretName, redact, secret_name, without_homes};

use crate::yaml::Value;

/// Of a field that the client does not know.
pub const MAX_VALUE_CHARS: usize = 200;
/// Of an entry of one that it knows: `Agent(a, b)` is one.
pub const MAX_ENTRY_CHARS: usize = 1_000;

/// Redacted, then cut.
pub fn clean(text: &str, max_chars: usize) -> String {
    let clean = redact(text);
    without_homes(&clean).chars().take(max_chars).collect()
}

/// Scalars, short; of what is nested it is known that it is there. Under the name of a secret
/// nothing is shown.
pub fn json(key: &str, value: &Value) -> Json {
    let secret = secret_name(key);
    let number = |number: Json| match secret.and_then(SecretName::redact_number) {
        Some(mark) => mark.into(),
        None => number,
    };
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => number((*value).into()),
        Value::Float(value) => number((*value).into()),
        Value::Text(text) => match secret {
            Some(secret) => clean(&secret.redact(text), MAX_VALUE_CHARS).into(),
            None => clean(text, MAX_VALUE_CHARS).into(),
        },
        Value::List(_) => "[…]".into(),
        Value::Map(_) => "{…}".into(),
    }
}
