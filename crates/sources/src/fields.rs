//! The fields of an event, read one by one, each within its limits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::clean::{clean_name, clean_object, clean_text};
use super::clock::Clock;
use super::json::{Object, items, reason, scalar, tree};
use super::time::{TIME_RANGE_MS, civil_ms, unix_ms};
use agentpulse_core::error::Rejection;
use agentpulse_core::execution::{Details, Origin, Status, TokenUsage};
use agentpulse_core::limits::{MAX_COST, MAX_COUNT, MAX_ITEMS, MAX_NAME_BYTES};
use agentpulse_redact::redact_name;

/// The longest path that Linux takes.
const MAX_PATH_BYTES: usize = 4096;
/// The folder of whatever had a secret in its path.
pub const REDACTED_PATH: &str = "/[redacted:path]";

/// The fields of one event, read one by one and checked on the way.
pub(crate) struct Fields<'a> {
    pub event: &'static str,
    pub object: Object<'a>,
    pub clock: &'a Clock,
}

impl Fields<'_> {
    pub fn refuse(&self, reason: impl std::fmt::Display) -> Rejection {
        Rejection::new(format!("{}: {reason}", self.event))
    }

    pub fn required_name(&self, field: &str) -> Result<String, Rejection> {
        self.name(field)?
            .ok_or_else(|| self.refuse(format_args!("{field} is required")))
    }

    /// An empty name is as good as absent.
    pub fn name(&self, field: &str) -> Result<Option<String>, Rejection> {
        match self.object.get(field) {
            None => Ok(None),
            Some(value) if is_empty(value) => Ok(None),
            Some(value) => self.as_name(field, scalar(value)).map(Some),
        }
    }

    fn as_name(&self, field: &str, value: Option<Value>) -> Result<String, Rejection> {
        match value {
            Some(Value::String(name)) => clean_name(name),
            _ => None,
        }
        .ok_or_else(|| {
            self.refuse(format_args!(
                "{field} must be 1..={MAX_NAME_BYTES} bytes without control characters"
            ))
        })
    }

    pub fn flag(&self, field: &str) -> Result<bool, Rejection> {
        match self.object.get(field).map(scalar) {
            None => Ok(false),
            Some(Some(Value::Bool(flag))) => Ok(flag),
            Some(_) => Err(self.refuse(format_args!("{field} must be true or false"))),
        }
    }

    /// A path is a means and shown to nobody, and the name of its user stays in it: it must open
    /// the file. One with a secret in it is not kept: what stands for it leads nowhere, and says
    /// why; one of Windows is kept so that its reader says why. What is no absolute path leads
    /// nowhere either, and is no reason to refuse what came with it.
    pub fn path(&self, field: &str) -> Option<String> {
        let leads = |path: &String| is_path(path) || is_of_windows(path) && is_plain(path);
        let path = self.object.string(field).filter(leads)?;
        Some(match redact_name(&path) {
            Cow::Borrowed(_) => path,
            Cow::Owned(_) => format!("{REDACTED_PATH}/x.jsonl"),
        })
    }

    /// The fields of an object within; none where there is no object.
    pub fn within(&self, field: &str) -> Result<Fields<'_>, Rejection> {
        match self.object.get(field) {
            None => Ok(self.of(Object::default())),
            Some(value) => self.of_value(field, value),
        }
    }

    /// The same, of an item of a list.
    pub fn of_value<'b>(
        &'b self,
        field: &str,
        value: &'b RawValue,
    ) -> Result<Fields<'b>, Rejection> {
        let object = Object::of(value);
        let object = object.map_err(|error| self.too_large(field, &error))?;
        Ok(self.of(object.unwrap_or_default()))
    }

    fn of<'b>(&'b self, object: Object<'b>) -> Fields<'b> {
        Fields {
            event: self.event,
            object,
            clock: self.clock,
        }
    }

    fn too_large(&self, field: &str, error: &serde_json::Error) -> Rejection {
        self.refuse(format_args!("{field}: {}", reason(error)))
    }

    pub fn text(&self, field: &str) -> Result<Option<String>, Rejection> {
        match self.object.get(field).map(scalar) {
            None => Ok(None),
            Some(Some(Value::String(text))) if text.is_empty() => Ok(None),
            Some(Some(Value::String(text))) => Ok(Some(clean_text(text))),
            Some(_) => Err(self.refuse(format_args!("{field} must be a string"))),
        }
    }

    pub fn count(&self, field: &str) -> Result<Option<u64>, Rejection> {
        self.number(field, MAX_COUNT)
    }

    pub fn number(&self, field: &str, max: u64) -> Result<Option<u64>, Rejection> {
        match self.object.get(field) {
            None => Ok(None),
            Some(value) => scalar(value)
                .and_then(|value| whole(&value, max))
                .map(Some)
                .ok_or_else(|| self.refuse(format_args!("{field} must be 0..={max}"))),
        }
    }

    /// What is null or empty in the list is no name, and left out.
    pub fn names(&self, field: &str) -> Result<Vec<String>, Rejection> {
        let Some(value) = self.object.get(field) else {
            return Ok(Vec::new());
        };
        match items(value, MAX_ITEMS + 1) {
            Some(items) if items.len() <= MAX_ITEMS => items
                .into_iter()
                .filter(|item| item.get() != "null" && !is_empty(item))
                .map(|item| self.as_name(field, scalar(item)))
                .collect(),
            _ => Err(self.refuse(format_args!(
                "{field} must be a list of 0..={MAX_ITEMS} names"
            ))),
        }
    }

    fn no_object(&self, field: &str) -> Rejection {
        self.refuse(format_args!(
            "{field} must be an object of 0..={MAX_ITEMS} fields"
        ))
    }

    fn fields_of(&self, field: &str) -> Result<Option<Object<'_>>, Rejection> {
        let Some(value) = self.object.get(field) else {
            return Ok(None);
        };
        match Object::of(value) {
            Ok(Some(object)) if object.count() <= MAX_ITEMS => Ok(Some(object)),
            _ => Err(self.no_object(field)),
        }
    }

    pub fn details(&self, field: &str) -> Result<Option<Details>, Rejection> {
        let Some(value) = self.object.get(field) else {
            return Ok(None);
        };
        let value = tree(value.get()).map_err(|error| self.too_large(field, &error))?;
        match value {
            Value::Object(object) if object.len() <= MAX_ITEMS => {
                Ok(Some(clean_object(object).into()))
            }
            _ => Err(self.no_object(field)),
        }
    }

    pub fn calls(&self, field: &str) -> Result<BTreeMap<String, u64>, Rejection> {
        let object = self.fields_of(field)?.unwrap_or_default();
        let mut calls = BTreeMap::new();
        for (tool, value) in object.iter().filter(|(_, value)| value.get() != "null") {
            let tool = self.as_name(field, Some(tool.into()))?;
            // Names that differ may be one when they are redacted.
            let before = calls.get(&tool).unwrap_or(&0);
            let count = scalar(value).and_then(|value| whole(&value, MAX_COUNT - before));
            let count = count.ok_or_else(|| {
                self.refuse(format_args!("{field}: calls must be 0..={MAX_COUNT}"))
            })?;
            *calls.entry(tool).or_default() += count;
        }
        Ok(calls)
    }

    /// A sum of 0 beside its parts, a cost of 0 of a model that nobody names, and an object with
    /// nothing but zeros say that the sender does not know: they are absent.
    pub fn token_usage(&self) -> Result<Option<TokenUsage>, Rejection> {
        let Some(object) = self.fields_of("token_usage")? else {
            return Ok(None);
        };
        let usage = self.of(object);
        let input_tokens = usage.count("input_tokens")?.unwrap_or(0);
        let output_tokens = usage.count("output_tokens")?.unwrap_or(0);
        let total_tokens = usage.count("total_tokens")?.filter(|total| *total > 0);
        let mut read = TokenUsage {
            input_tokens,
            output_tokens,
            cache_read_tokens: usage.count("cache_read_tokens")?.unwrap_or(0),
            cache_write_tokens: usage.count("cache_write_tokens")?.unwrap_or(0),
            total_tokens: total_tokens.unwrap_or(input_tokens + output_tokens),
            cost_micros: usage.cost_micros()?,
        };
        let tokens = TokenUsage {
            cost_micros: None,
            ..read
        };
        let is_without_tokens = tokens == TokenUsage::default();
        if read.cost_micros == Some(0) && (is_without_tokens || self.name("model")?.is_none()) {
            read.cost_micros = None;
        }
        Ok((read != TokenUsage::default()).then_some(read))
    }

    fn cost_micros(&self) -> Result<Option<i64>, Rejection> {
        match self.object.get("estimated_cost") {
            None => Ok(None),
            Some(value) => match scalar(value).and_then(|cost| cost.as_f64()) {
                Some(cost) if (0.0..=MAX_COST).contains(&cost) => {
                    Ok(Some((cost * 1e6).round() as i64))
                }
                _ => Err(self.refuse("estimated_cost must be 0..=1000000")),
            },
        }
    }

    pub fn status(&self) -> Result<Status, Rejection> {
        let Some(status) = self.object.get("status").map(scalar) else {
            return Ok(Status::Success);
        };
        match status.as_ref().and_then(Value::as_str) {
            Some("" | "success" | "complete" | "completed") => Ok(Status::Success),
            Some("failure" | "failed") => Ok(Status::Failure),
            Some("timeout") => Ok(Status::Timeout),
            _ => Err(self.refuse("status must be one of success, failure, timeout")),
        }
    }

    pub fn origin(&self) -> Result<Origin, Rejection> {
        Ok(Origin {
            session_id: self.name("session_id")?,
            parent_agent_id: self.name("parent_agent_id")?,
            model: self.name("model")?,
            project: self.name("project")?,
            branch: self.name("branch")?,
            host: self.name("host")?,
            source: self.name("source")?,
        })
    }

    pub fn time(&self, field: &str) -> Result<Option<i64>, Rejection> {
        let time_ms = match self.object.get(field).map(scalar) {
            None => return Ok(None),
            Some(Some(Value::Number(number))) => number.as_f64().and_then(unix_ms),
            Some(Some(Value::String(text))) => civil_ms(&text, &self.clock.zone),
            Some(_) => None,
        };
        match time_ms {
            Some(time_ms) if TIME_RANGE_MS.contains(&time_ms) => Ok(Some(time_ms)),
            _ => Err(self.refuse(format_args!(
                "{field} must be an RFC 3339 time or a Unix number, in the years 0001..=9999"
            ))),
        }
    }

    /// A time by which an execution is counted: never far ahead of our clock, and never so old
    /// that the id may have been forgotten.
    pub fn remembered(&self, field: &str, time_ms: i64) -> Result<i64, Rejection> {
        let oldest = self.clock.oldest_day();
        if time_ms < oldest.utc_start_ms() {
            return Err(self.refuse(format_args!("{field} is too old: before {oldest}")));
        }
        Ok(self.not_ahead(time_ms))
    }

    /// A time far ahead of our clock is taken at receipt.
    pub fn not_ahead(&self, time_ms: i64) -> i64 {
        if self.clock.is_ahead(time_ms) {
            self.clock.now_ms
        } else {
            time_ms
        }
    }
}

fn is_empty(value: &RawValue) -> bool {
    value.get() == "\"\""
}

/// An absolute one, of a length that can be opened.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with('/') && is_plain(path)
}

fn is_plain(path: &str) -> bool {
    path.len() <= MAX_PATH_BYTES && !path.chars().any(char::is_control)
}

/// Such as `C:\Users\me\a.jsonl`.
pub fn is_of_windows(path: &str) -> bool {
    matches!(path.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic())
}

/// A whole number, also one that was written with a zero fraction.
fn whole(value: &Value, max: u64) -> Option<u64> {
    let number = value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && (0.0..=max as f64).contains(&number)).then_some(number as u64)
    });
    number.filter(|&number| number <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(path: &str) -> Option<String> {
        let clock = Clock {
            now_ms: 0,
            keep_ms: 0,
            zone: jiff::tz::TimeZone::UTC,
        };
        let mut object = Object::default();
        object.set("path", path);
        let fields = Fields {
            event: "hook",
            object,
            clock: &clock,
        };
        fields.path("path")
    }

    #[test]
    fn a_path_is_kept_whole_or_not_at_all() {
        for whole in [
            "/home/alice/.claude/projects/-home-alice-app/3f2a.jsonl",
            "/home/al@example.com/projects/x.jsonl",
            "/srv/große Ablage/x.jsonl",
        ] {
            assert_eq!(path(whole).as_deref(), Some(whole));
        }
        for secret in [
            "/home/al/app password=hunter2secret/x.jsonl",
            "/srv/for al@example.com/x.jsonl",
        ] {
            assert_eq!(path(secret).as_deref(), Some("/[redacted:path]/x.jsonl"));
        }
        for nowhere in ["x.jsonl", "/a\nb/x.jsonl", "/a\u{85}b", "/a\0b"] {
            assert_eq!(path(nowhere), None, "{nowhere:?}");
        }
    }
}
