//! Bounds of fields, each named in its refusal.

use std::ops::RangeInclusive;

use serde_json::Value;

use agentpulse_core::limits::{MAX_NAME_BYTES, MAX_NESTING};
use agentpulse_sources::{clean_name, redact_json, redact_text};
use agentpulse_tasks::refusal::Refusal;

/// Checks fields, and counts the texts in which something was taken out.
#[derive(Debug, Default)]
pub struct Checked {
    pub redacted: usize,
}

pub(super) type Result<T> = std::result::Result<T, Refusal>;

pub(super) fn invalid<T>(message: impl Into<String>) -> Result<T> {
    Err(Refusal::Invalid(message.into()))
}

impl Checked {
    pub(super) fn name(&mut self, field: &str, name: String) -> Result<String> {
        let bytes = name.len();
        let is_plain = !name.chars().any(char::is_control);
        match clean_name(name.clone()).filter(|_| is_plain) {
            Some(clean) => {
                self.redacted += usize::from(clean != name);
                Ok(clean)
            }
            None if !is_plain => invalid(format!("{field}: it has control characters")),
            None => invalid(format!(
                "{field}: {bytes} bytes, allowed are 1 to {MAX_NAME_BYTES}"
            )),
        }
    }

    pub(super) fn maybe_name(
        &mut self,
        field: &str,
        name: Option<String>,
    ) -> Result<Option<String>> {
        name.map(|name| self.name(field, name)).transpose()
    }

    pub(super) fn names(
        &mut self,
        field: &str,
        names: Vec<String>,
        most: usize,
    ) -> Result<Vec<String>> {
        if names.len() > most {
            return invalid(format!("{field}: {}, allowed are {most}", names.len()));
        }
        let names = names.into_iter();
        names.map(|name| self.name(field, name)).collect()
    }

    pub(super) fn text(&mut self, field: &str, text: String, most: usize) -> Result<String> {
        let bytes = text.len();
        if bytes > most {
            return invalid(format!("{field}: {bytes} bytes, allowed are {most}"));
        }
        let clean = redact_text(text.clone());
        self.redacted += usize::from(clean != text);
        Ok(clean)
    }

    /// Returns its text.
    pub(super) fn json(
        &mut self,
        field: &str,
        value: Option<Value>,
        most: usize,
    ) -> Result<Option<String>> {
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        if depth(&value) > MAX_NESTING {
            return invalid(format!("{field}: nested deeper than {MAX_NESTING}"));
        }
        let before = value.to_string();
        let bytes = before.len();
        if bytes > most {
            return invalid(format!(
                "{field}: {bytes} bytes as JSON, allowed are {most}"
            ));
        }
        let clean = redact_json(value).to_string();
        self.redacted += usize::from(clean != before);
        Ok(Some(clean))
    }
}

pub(super) fn number<N: PartialOrd + std::fmt::Display + Copy>(
    field: &str,
    number: Option<N>,
    bounds: RangeInclusive<N>,
) -> Result<Option<N>> {
    match number {
        Some(number) if !bounds.contains(&number) => {
            let (least, most) = bounds.into_inner();
            invalid(format!("{field}: {number}, allowed are {least} to {most}"))
        }
        number => Ok(number),
    }
}

/// Seconds as milliseconds.
pub(super) fn seconds_ms(
    field: &str,
    seconds: Option<u64>,
    bounds: RangeInclusive<u64>,
) -> Result<Option<i64>> {
    let seconds = number(field, seconds, bounds)?;
    Ok(seconds.map(|seconds| i64::try_from(seconds).unwrap_or(0) * 1_000))
}

/// Levels of objects and lists, counted without recursion that a client could drive.
fn depth(value: &Value) -> usize {
    let mut deepest = 0;
    let mut open = vec![(value, 1)];
    while let Some((value, level)) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, level + 1))),
            Value::Object(fields) => open.extend(fields.values().map(|field| (field, level + 1))),
            _ => continue,
        }
        deepest = deepest.max(level);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn depth_counts_objects_and_lists() {
        assert_eq!(depth(&json!(1)), 0);
        assert_eq!(depth(&json!({"a": [1, {"b": []}]})), 4);
    }

    #[test]
    fn a_secret_is_taken_out_and_counted_and_a_path_stays() {
        let mut checked = Checked::default();
        let context = json!({"file": "/home/someone/shop/a.py", "password": "hunter2hunter2"});
        let text = checked
            .json("context", Some(context), 1_000)
            .unwrap()
            .unwrap();
        assert!(text.contains("/home/someone/shop/a.py"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(checked.redacted, 1);
        let refused = checked.json("context", Some(json!("x".repeat(99))), 100);
        let expected = Refusal::Invalid("context: 101 bytes as JSON, allowed are 100".to_owned());
        assert_eq!(refused, Err(expected));
    }
}
