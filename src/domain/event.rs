//! What arrives: one JSON object is one event. Everything that comes from outside is bounded and
//! redacted here, once; behind this file every value is a good one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::bucket::Day;
use super::error::Refusal;
use super::execution::{Fact, Origin, Start, Status, Stop, TokenUsage};
use super::redact::redact;
use super::sketch::MAX_DURATION_MS;
use super::source;

/// Ids and names, in bytes: beyond this they are texts.
pub const MAX_NAME_BYTES: usize = 256;
/// Lists and the fields of an object.
pub const MAX_ITEMS: usize = 256;
/// Free text is cut here, in bytes.
pub const MAX_TEXT_BYTES: usize = 4096;
/// Tokens and calls of one execution: sums of a million such still fit 64 bits.
pub const MAX_COUNT: u64 = 1_000_000_000_000;
/// Dollars of one execution.
pub const MAX_COST: f64 = 1e6;
pub const MAX_NESTING: usize = 32;
/// A clock may be this far ahead of ours before its time is replaced by ours.
pub const MAX_AHEAD_MS: i64 = 5 * 60_000;

/// The marks of a text that was cut.
const CUT_MARK: &str = "…[cut]";
/// Unix numbers below this are seconds, others milliseconds.
const SECONDS_BELOW: f64 = 1e11;
/// The years 0001 to 9999, in milliseconds.
const TIME_RANGE_MS: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// What the moment of receipt decides.
#[derive(Clone, Debug)]
pub struct Clock {
    pub now_ms: i64,
    /// How long an id is remembered; what ended before that is refused.
    pub keep_ms: i64,
    /// Of times without an offset.
    pub zone: TimeZone,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Fact {
        id: String,
        fact: Fact,
    },
    Progress(Progress),
    /// Understood, and without meaning for any number.
    Ignored,
}

/// A sign of life. It is not durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub id: String,
    pub progress: Option<f64>,
    pub current_tool: Option<String>,
    /// Whether a tool call began or ended, where the source tells.
    pub tool_open: Option<bool>,
}

impl Clock {
    /// The first day that is still remembered.
    pub fn oldest_day(&self) -> Day {
        Day::of(self.now_ms - self.keep_ms)
    }
}

/// Decodes one line.
pub fn decode(line: &[u8], clock: &Clock) -> Result<Event, Refusal> {
    let text = std::str::from_utf8(line).map_err(|_| Refusal::new("not UTF-8"))?;
    let value = serde_json::from_str(text).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        Refusal::new(format!("not JSON at column {}: {reason}", error.column()))
    })?;
    decode_value(value, clock)
}

/// Decodes an event that is part of a larger document.
pub fn decode_value(value: Value, clock: &Clock) -> Result<Event, Refusal> {
    if nesting(&value) > MAX_NESTING {
        return Err(Refusal::new(format!("nesting must be 0..={MAX_NESTING}")));
    }
    let Value::Object(mut map) = value else {
        return Err(Refusal::new("an event must be a JSON object"));
    };
    let Some(Value::String(kind)) = map.remove("event") else {
        return Err(Refusal::new(
            "event must be one of start, progress, stop, hook",
        ));
    };
    match kind.as_str() {
        "start" => start(Fields {
            event: "start",
            map,
            clock,
        }),
        "progress" => progress(Fields {
            event: "progress",
            map,
            clock,
        }),
        "stop" => stop(Fields {
            event: "stop",
            map,
            clock,
        }),
        "hook" => hook(Fields {
            event: "hook",
            map,
            clock,
        }),
        _ => Err(Refusal::new(
            "event must be one of start, progress, stop, hook",
        )),
    }
}

fn start(mut fields: Fields) -> Result<Event, Refusal> {
    let id = fields.required_name("agent_id")?;
    let agent_name = fields.required_name("agent_name")?;
    let now_ms = fields.clock.now_ms;
    let started_ms = fields.time("start_time")?.unwrap_or(now_ms);
    let started_ms = fields.remembered("start_time", started_ms)?;
    let start = Start {
        agent_name,
        agent_type: fields.name("agent_type")?,
        started_ms,
        task_description: fields.text("task_description")?,
        tools_granted: fields.names("tools_granted")?,
        context_size: fields.count("context_size")?,
        origin: fields.origin()?,
    };
    Ok(Event::Fact {
        id,
        fact: Fact::Start(start),
    })
}

fn progress(mut fields: Fields) -> Result<Event, Refusal> {
    let id = fields.required_name("agent_id")?;
    let progress = match fields.take("progress") {
        None => None,
        Some(value) => match value.as_f64() {
            Some(share) if (0.0..=1.0).contains(&share) => Some(share),
            _ => return Err(fields.refuse("progress must be 0..=1")),
        },
    };
    fields.time("timestamp")?;
    let current_tool = fields.name("current_tool")?;
    Ok(Event::Progress(Progress {
        id,
        progress,
        current_tool,
        tool_open: None,
    }))
}

fn stop(mut fields: Fields) -> Result<Event, Refusal> {
    let id = fields.required_name("agent_id")?;
    let now_ms = fields.clock.now_ms;
    let ended_ms = fields.time("execution_end")?.unwrap_or(now_ms);
    let ended_ms = fields.remembered("execution_end", ended_ms)?;
    let stop = Stop {
        agent_name: fields.name("agent_name")?,
        agent_type: fields.name("agent_type")?,
        started_ms: fields.time("execution_start")?,
        ended_ms,
        duration_ms: fields.number("duration_ms", MAX_DURATION_MS)?,
        status: fields.status()?,
        error_details: fields.object("error_details")?,
        tools_used: fields.names("tools_used")?,
        tool_calls: fields.calls("tool_calls")?,
        token_usage: fields.token_usage()?,
        performance_metrics: fields.object("performance_metrics")?,
        task_metadata: fields.object("task_metadata")?,
        output_metrics: fields.object("output_metrics")?,
        origin: fields.origin()?,
    };
    Ok(Event::Fact {
        id,
        fact: Fact::Stop(Box::new(stop)),
    })
}

fn hook(mut fields: Fields) -> Result<Event, Refusal> {
    let id = fields.required_name("id")?;
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(fields.refuse("id must be 32 hexadecimal digits"));
    }
    let source = fields.required_name("source")?;
    let Some(observed_ms) = fields.time("observed_at")? else {
        return Err(fields.refuse("observed_at is required"));
    };
    let observed_ms = fields.remembered("observed_at", observed_ms)?;
    let Some(Value::Object(payload)) = fields.take("payload") else {
        return Err(fields.refuse("payload must be an object"));
    };
    source::translate(
        &source,
        Fields {
            event: "hook",
            map: payload,
            clock: fields.clock,
        },
        observed_ms,
    )
}

/// The fields of one event, taken out one by one and checked on the way.
pub(super) struct Fields<'a> {
    pub event: &'static str,
    pub map: Map<String, Value>,
    pub clock: &'a Clock,
}

impl Fields<'_> {
    pub fn refuse(&self, reason: impl std::fmt::Display) -> Refusal {
        Refusal::new(format!("{}: {reason}", self.event))
    }

    /// Null is as good as absent.
    fn take(&mut self, field: &str) -> Option<Value> {
        self.map.remove(field).filter(|value| !value.is_null())
    }

    pub fn required_name(&mut self, field: &str) -> Result<String, Refusal> {
        self.name(field)?
            .ok_or_else(|| self.refuse(format_args!("{field} is required")))
    }

    pub fn name(&mut self, field: &str) -> Result<Option<String>, Refusal> {
        match self.take(field) {
            None => Ok(None),
            Some(value) => self.as_name(field, value).map(Some),
        }
    }

    fn as_name(&self, field: &str, value: Value) -> Result<String, Refusal> {
        match value {
            Value::String(name) if is_name(&name) => Ok(redacted(name)),
            _ => Err(self.refuse(format_args!(
                "{field} must be 1..={MAX_NAME_BYTES} bytes without control characters"
            ))),
        }
    }

    pub fn text(&mut self, field: &str) -> Result<Option<String>, Refusal> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(clean_text(text))),
            Some(_) => Err(self.refuse(format_args!("{field} must be a string"))),
        }
    }

    fn count(&mut self, field: &str) -> Result<Option<u64>, Refusal> {
        self.number(field, MAX_COUNT)
    }

    fn number(&mut self, field: &str, max: u64) -> Result<Option<u64>, Refusal> {
        match self.take(field) {
            None => Ok(None),
            Some(value) => whole(&value, max)
                .map(Some)
                .ok_or_else(|| self.refuse(format_args!("{field} must be 0..={max}"))),
        }
    }

    fn names(&mut self, field: &str) -> Result<Vec<String>, Refusal> {
        match self.take(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.len() <= MAX_ITEMS => items
                .into_iter()
                .map(|item| self.as_name(field, item))
                .collect(),
            Some(_) => Err(self.refuse(format_args!(
                "{field} must be a list of 0..={MAX_ITEMS} names"
            ))),
        }
    }

    fn fields_of(&mut self, field: &str) -> Result<Option<Map<String, Value>>, Refusal> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Object(object)) if object.len() <= MAX_ITEMS => Ok(Some(object)),
            Some(_) => Err(self.refuse(format_args!(
                "{field} must be an object of 0..={MAX_ITEMS} fields"
            ))),
        }
    }

    fn object(&mut self, field: &str) -> Result<Option<Map<String, Value>>, Refusal> {
        Ok(self.fields_of(field)?.map(clean_object))
    }

    fn calls(&mut self, field: &str) -> Result<BTreeMap<String, u64>, Refusal> {
        let object = self.fields_of(field)?.unwrap_or_default();
        let mut calls = BTreeMap::new();
        for (tool, value) in object {
            let count = whole(&value, MAX_COUNT).ok_or_else(|| {
                self.refuse(format_args!("{field}: calls must be 0..={MAX_COUNT}"))
            })?;
            *calls
                .entry(self.as_name(field, Value::String(tool))?)
                .or_default() += count;
        }
        Ok(calls)
    }

    fn token_usage(&mut self) -> Result<Option<TokenUsage>, Refusal> {
        let Some(map) = self.fields_of("token_usage")? else {
            return Ok(None);
        };
        let mut usage = Fields {
            event: self.event,
            map,
            clock: self.clock,
        };
        let input_tokens = usage.count("input_tokens")?.unwrap_or(0);
        let output_tokens = usage.count("output_tokens")?.unwrap_or(0);
        let cost_micros = match usage.take("estimated_cost") {
            None => None,
            Some(value) => match value.as_f64() {
                Some(cost) if (0.0..=MAX_COST).contains(&cost) => Some((cost * 1e6).round() as i64),
                _ => return Err(usage.refuse("estimated_cost must be 0..=1000000")),
            },
        };
        Ok(Some(TokenUsage {
            input_tokens,
            output_tokens,
            cache_read_tokens: usage.count("cache_read_tokens")?.unwrap_or(0),
            cache_write_tokens: usage.count("cache_write_tokens")?.unwrap_or(0),
            total_tokens: usage
                .count("total_tokens")?
                .unwrap_or(input_tokens + output_tokens),
            cost_micros,
        }))
    }

    fn status(&mut self) -> Result<Status, Refusal> {
        let value = self.take("status");
        match value
            .as_ref()
            .map(|value| value.as_str().unwrap_or_default())
        {
            None | Some("success" | "complete" | "completed") => Ok(Status::Success),
            Some("failure" | "failed") => Ok(Status::Failure),
            Some("timeout") => Ok(Status::Timeout),
            Some(_) => Err(self.refuse("status must be one of success, failure, timeout")),
        }
    }

    fn origin(&mut self) -> Result<Origin, Refusal> {
        Ok(Origin {
            session_id: self.name("session_id")?,
            parent_agent_id: self.name("parent_agent_id")?,
            model: self.name("model")?,
            host: self.name("host")?,
            source: self.name("source")?,
        })
    }

    fn time(&mut self, field: &str) -> Result<Option<i64>, Refusal> {
        let time_ms = match self.take(field) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_f64().and_then(unix_ms),
            Some(Value::String(text)) => civil_ms(&text, &self.clock.zone),
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
    fn remembered(&self, field: &str, time_ms: i64) -> Result<i64, Refusal> {
        let oldest = self.clock.oldest_day();
        if time_ms < oldest.start_ms() {
            return Err(self.refuse(format_args!("{field} is too old: before {oldest}")));
        }
        Ok(if time_ms > self.clock.now_ms + MAX_AHEAD_MS {
            self.clock.now_ms
        } else {
            time_ms
        })
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// A whole number, also one that was written with a zero fraction.
fn whole(value: &Value, max: u64) -> Option<u64> {
    let number = value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && (0.0..=max as f64).contains(&number)).then_some(number as u64)
    });
    number.filter(|&number| number <= max)
}

fn unix_ms(number: f64) -> Option<i64> {
    let time_ms = if number.abs() < SECONDS_BELOW {
        number * 1000.0
    } else {
        number
    };
    (time_ms.abs() < 1e15).then(|| time_ms.round() as i64)
}

/// By its parts: a whole timestamp of the library ends a day before the year 9999 does.
fn civil_ms(text: &str, zone: &TimeZone) -> Option<i64> {
    let parts = Pieces::parse(text).ok()?;
    let civil = parts.date().to_datetime(parts.time().unwrap_or_default());
    let utc_ms = civil
        .duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0))
        .as_millis();
    let offset_s = match parts.to_numeric_offset() {
        Some(offset) => offset.seconds(),
        None => civil
            .to_zoned(zone.clone())
            .map_or(0, |zoned| zoned.offset().seconds()),
    };
    i64::try_from(utc_ms - i128::from(offset_s) * 1000).ok()
}

fn nesting(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nesting).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(nesting).max().unwrap_or(0),
        _ => 0,
    }
}

fn redacted(text: String) -> String {
    match redact(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(clean) => clean,
    }
}

fn clean_text(text: String) -> String {
    let mut text = redacted(text);
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES - CUT_MARK.len()));
        text.push_str(CUT_MARK);
    }
    text
}

fn clean_object(object: Map<String, Value>) -> Map<String, Value> {
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
