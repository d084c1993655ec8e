//! The parameters of a URL, each within its bounds. Unknown ones are ignored.
//!
//! The OpenAPI document describes the parameters by running the same parsers: one that runs on
//! [`Params::recording`] gets every default, and records each parameter with its bounds.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use agentpulse_core::bucket::Day;
use agentpulse_core::limits::MAX_NAME_BYTES;

const HOURS: RangeInclusive<i32> = 1..=168;
/// As long as the history is kept by default.
pub const MAX_DAYS: i32 = 400;
const DAYS: RangeInclusive<i32> = 1..=MAX_DAYS;
/// Unix numbers below this are seconds, others milliseconds; as in events.
const SECONDS_BELOW: i64 = 100_000_000_000;
/// Up to the end of the year 9999, in milliseconds.
const UNIX: RangeInclusive<i64> = 0..=253_402_300_799_999;

/// A parameter by its name, with what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    pub name: &'static str,
    pub meaning: &'static str,
}

pub const AGENT_NAME: Param = Param::new(
    "agent_name",
    "The name of an agent, at most 256 bytes of UTF-8.",
);
pub const CURSOR: Param = Param::new("cursor", "The next_cursor of the page before.");
pub const LIMIT: Param = Param::new("limit", "How many at most.");
pub const SINCE: Param = Param::new(
    "since",
    "The earliest moment: a date, an RFC 3339 time or a Unix number.",
);
const DAYS_PARAM: Param = Param::new("days", "Days, today included.");
const HOURS_PARAM: Param = Param::new("hours", "Hours, the current one included.");
const TIME_RANGE: Param = Param::new("timeRange", "A window; the route's own parameter wins.");

impl Param {
    pub const fn new(name: &'static str, meaning: &'static str) -> Param {
        Param { name, meaning }
    }
}

/// A parameter is out of its bounds: a message for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidParameter(pub String);

pub struct Params {
    given: Vec<(String, String)>,
    /// The part of the path that names an item.
    item: String,
    /// `None` while a request is answered; `Some` while the parameters are described.
    specs: Option<RefCell<Vec<ParamSpec>>>,
}

/// A parameter that a parser reads.
#[derive(Debug, PartialEq)]
pub struct ParamSpec {
    pub param: Param,
    pub place: Place,
    /// JSON Schema.
    pub schema: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Path,
    Query,
}

/// The largest whole number that every client of JSON holds exactly.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

impl Params {
    /// Of a URL, whose `query` is still encoded. `item` is the part of its path that names one.
    pub fn of(query: Option<&str>, item: Option<String>) -> Params {
        let given = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Params {
            given: given.into_owned().collect(),
            item: item.unwrap_or_default(),
            specs: None,
        }
    }

    /// No parameter is given; the parameters that are read are recorded.
    pub fn recording() -> Params {
        Params {
            given: Vec::new(),
            item: "x".to_owned(),
            specs: Some(RefCell::default()),
        }
    }

    /// The recorded parameters, in the order in which they were read.
    pub fn into_specs(self) -> Vec<ParamSpec> {
        self.specs.map(RefCell::into_inner).unwrap_or_default()
    }

    fn record(&self, param: Param, place: Place, schema: impl FnOnce() -> Value) {
        if let Some(specs) = &self.specs {
            let schema = schema();
            specs.borrow_mut().push(ParamSpec {
                param,
                place,
                schema,
            });
        }
    }

    /// The first of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.given.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// # Errors
    /// There is another parameter than these.
    pub fn only(&self, known: &[Param]) -> Result<(), InvalidParameter> {
        let is_known = |name: &str| known.iter().any(|param| param.name == name);
        if self.given.iter().all(|(name, _)| is_known(name)) {
            return Ok(());
        }
        let names: Vec<&str> = known.iter().map(|param| param.name).collect();
        let known = match names.is_empty() {
            true => "none".to_owned(),
            false => format!("only {}", names.join(", ")),
        };
        Err(InvalidParameter(format!(
            "unknown parameter: {known} is taken here"
        )))
    }

    /// `default` is documented for an absent parameter, if that is a number.
    pub fn number<N>(
        &self,
        param: Param,
        bounds: RangeInclusive<N>,
        default: Option<N>,
    ) -> Result<Option<N>, InvalidParameter>
    where
        N: FromStr + PartialOrd + Display + Serialize,
    {
        self.record(param, Place::Query, || {
            let (least, most) = (bounds.start(), bounds.end());
            let mut schema = json!({"type": "integer", "minimum": least, "maximum": most});
            if let Some(default) = &default {
                schema["default"] = json!(default);
            }
            schema
        });
        let Some(text) = self.get(param.name) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = bounds.into_inner();
            InvalidParameter(format!("{} must be {least}..={most}", param.name))
        })
    }

    /// One of a set of words, each with its value.
    pub fn choice<T: Copy>(
        &self,
        param: Param,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, InvalidParameter> {
        let words = || choices.iter().map(|&(word, _)| word).collect::<Vec<&str>>();
        self.record(
            param,
            Place::Query,
            || json!({"type": "string", "enum": words()}),
        );
        let Some(text) = self.get(param.name) else {
            return Ok(None);
        };
        let found = choices.iter().find(|(word, _)| *word == text);
        found.map(|&(_, choice)| Some(choice)).ok_or_else(|| {
            let words = words().join(", ");
            InvalidParameter(format!("{} must be one of {words}", param.name))
        })
    }

    /// A value that `parse` accepts and `schema` describes; the error says that it must be `what`.
    pub fn parsed<T>(
        &self,
        param: Param,
        schema: impl FnOnce() -> Value,
        parse: impl FnOnce(&str) -> Option<T>,
        what: &str,
    ) -> Result<Option<T>, InvalidParameter> {
        self.record(param, Place::Query, schema);
        let parsed = self.get(param.name).map(|text| {
            let refuse = || InvalidParameter(format!("{} must be {what}", param.name));
            parse(text).ok_or_else(refuse)
        });
        parsed.transpose()
    }

    pub fn name(&self, param: Param) -> Result<Option<String>, InvalidParameter> {
        self.record(param, Place::Query, name_schema);
        self.get(param.name)
            .map(|text| checked_name(param, text))
            .transpose()
    }

    /// The name of an item, in the path.
    pub fn item_name(&self, param: Param) -> Result<String, InvalidParameter> {
        self.record(param, Place::Path, name_schema);
        checked_name(param, &self.item)
    }

    /// The number of an item, in the path.
    pub fn item_number(&self, param: Param) -> Result<i64, InvalidParameter> {
        let schema = || json!({"type": "integer", "minimum": 1, "maximum": MAX_NUMBER});
        self.record(param, Place::Path, schema);
        if self.specs.is_some() {
            return Ok(1);
        }
        let known = 1..=MAX_NUMBER.cast_signed();
        let number = self
            .item
            .parse()
            .ok()
            .filter(|number| known.contains(number));
        let must = || InvalidParameter(format!("{} must be 1..={MAX_NUMBER}", param.name));
        number.ok_or_else(must)
    }

    /// The window that the dashboard and the page send, in hours.
    pub fn time_range(&self) -> Result<Option<i32>, InvalidParameter> {
        self.choice(
            TIME_RANGE,
            &[("1h", 1), ("6h", 6), ("24h", 24), ("7d", 168), ("30d", 720)],
        )
    }

    pub fn hours(&self, default: i32) -> Result<i32, InvalidParameter> {
        let hours = self.number(HOURS_PARAM, HOURS, Some(default))?;
        let range = self.time_range()?;
        Ok(hours.or(range).unwrap_or(default))
    }

    pub fn days(&self, default: i32) -> Result<i32, InvalidParameter> {
        let days = self.number(DAYS_PARAM, DAYS, Some(default))?;
        let range = self.time_range()?;
        Ok(days.or(range.map(whole_days)).unwrap_or(default))
    }

    pub fn day(&self, param: Param) -> Result<Option<Day>, InvalidParameter> {
        let schema = || json!({"type": "string", "format": "date"});
        self.parsed(param, schema, Day::parse, "a date like 2026-11-20")
    }

    pub fn time_ms(&self, param: Param) -> Result<Option<i64>, InvalidParameter> {
        let schema = || {
            json!({"anyOf": [
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
                {"type": "integer", "minimum": UNIX.start(), "maximum": UNIX.end()},
            ]})
        };
        let what = "a date, an RFC 3339 time or a Unix number";
        self.parsed(param, schema, parse_time, what)
    }

    pub fn flag(&self, param: Param) -> Result<Option<bool>, InvalidParameter> {
        self.choice(param, &[("true", true), ("false", false)])
    }

    /// A switch without a value is on.
    pub fn switch(&self, param: Param) -> Result<bool, InvalidParameter> {
        let choices = [("", true), ("true", true), ("false", false)];
        let must = || InvalidParameter(format!("{} must be one of true, false", param.name));
        let choice = self.choice(param, &choices).map_err(|_| must())?;
        Ok(choice.unwrap_or(false))
    }
}

/// The bound is in bytes, which JSON Schema cannot express.
fn name_schema() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": MAX_NAME_BYTES})
}

pub fn whole_days(hours: i32) -> i32 {
    (hours + 23) / 24
}

/// A name beyond the bounds of events cannot exist, and would fill the cache.
fn checked_name(param: Param, text: &str) -> Result<String, InvalidParameter> {
    if (1..=MAX_NAME_BYTES).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    let must = format!("{} must be 1..={MAX_NAME_BYTES} bytes", param.name);
    Err(InvalidParameter(must))
}

fn parse_time(text: &str) -> Option<i64> {
    if let Some(day) = Day::parse(text) {
        return Some(day.utc_start_ms());
    }
    if let Ok(number) = text.parse::<i64>() {
        let seconds = number < SECONDS_BELOW;
        let time_ms = if seconds {
            number.checked_mul(1_000)?
        } else {
            number
        };
        return Some(time_ms).filter(|_| UNIX.contains(&number));
    }
    text.parse::<Timestamp>()
        .ok()
        .map(|time| time.as_millisecond())
}

#[cfg(test)]
mod tests;
