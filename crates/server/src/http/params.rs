//! The parameters of a URL, each within its bounds. Unknown ones are ignored.
//!
//! The OpenAPI document describes the parameters by running the same parsers: one that runs on
//! [`Params::recording`] gets every default, and records each parameter with its bounds.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::Query as UrlQuery;
use axum::http::Uri;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::error::HttpError;
use agentpulse_core::bucket::Day;
use agentpulse_core::limits::MAX_NAME_BYTES;

const HOURS: RangeInclusive<i32> = 1..=168;
/// As long as the history is kept by default.
const DAYS: RangeInclusive<i32> = 1..=90;
/// Unix numbers below this are seconds, others milliseconds; as in events.
const SECONDS_BELOW: i64 = 100_000_000_000;
/// Up to the end of the year 9999, in milliseconds.
const UNIX: RangeInclusive<i64> = 0..=253_402_300_799_999;

pub struct Params {
    given: Vec<(String, String)>,
    /// None while a request is answered; Some while the parameters are described.
    specs: Option<RefCell<Vec<ParamSpec>>>,
}

/// A parameter that a parser reads.
#[derive(Debug, PartialEq)]
pub struct ParamSpec {
    pub name: &'static str,
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

impl Params {
    pub fn of(uri: &Uri) -> Result<Params, HttpError> {
        let specs = None;
        if uri.query().is_none() {
            let given = Vec::new();
            return Ok(Params { given, specs });
        }
        match UrlQuery::try_from_uri(uri) {
            Ok(UrlQuery(given)) => Ok(Params { given, specs }),
            Err(_) => Err(HttpError::invalid_parameter("the query cannot be read")),
        }
    }

    /// No parameter is given; the parameters that are read are recorded.
    pub fn recording() -> Params {
        Params {
            given: Vec::new(),
            specs: Some(RefCell::default()),
        }
    }

    /// The recorded parameters, in the order in which they were read.
    pub fn into_specs(self) -> Vec<ParamSpec> {
        self.specs.map(RefCell::into_inner).unwrap_or_default()
    }

    fn record(&self, name: &'static str, place: Place, schema: impl FnOnce() -> Value) {
        if let Some(specs) = &self.specs {
            let schema = schema();
            specs.borrow_mut().push(ParamSpec {
                name,
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

    /// `default` is documented for an absent parameter, if that is a number.
    pub fn number<N>(
        &self,
        name: &'static str,
        bounds: RangeInclusive<N>,
        default: Option<N>,
    ) -> Result<Option<N>, HttpError>
    where
        N: FromStr + PartialOrd + Display + Serialize,
    {
        self.record(name, Place::Query, || {
            let (least, most) = (bounds.start(), bounds.end());
            let mut schema = json!({"type": "integer", "minimum": least, "maximum": most});
            if let Some(default) = &default {
                schema["default"] = json!(default);
            }
            schema
        });
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = bounds.into_inner();
            HttpError::invalid_parameter(format!("{name} must be {least}..={most}"))
        })
    }

    /// One of a set of words, each with its value.
    pub fn choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, HttpError> {
        let words = || choices.iter().map(|&(word, _)| word).collect::<Vec<&str>>();
        self.record(
            name,
            Place::Query,
            || json!({"type": "string", "enum": words()}),
        );
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let found = choices.iter().find(|(word, _)| *word == text);
        found.map(|&(_, choice)| Some(choice)).ok_or_else(|| {
            let words = words().join(", ");
            HttpError::invalid_parameter(format!("{name} must be one of {words}"))
        })
    }

    /// A value that `parse` accepts and `schema` describes; the error says that it must be `what`.
    pub fn parsed<T>(
        &self,
        name: &'static str,
        schema: impl FnOnce() -> Value,
        parse: impl FnOnce(&str) -> Option<T>,
        what: &str,
    ) -> Result<Option<T>, HttpError> {
        self.record(name, Place::Query, schema);
        let parsed = self.get(name).map(|text| {
            let refuse = || HttpError::invalid_parameter(format!("{name} must be {what}"));
            parse(text).ok_or_else(refuse)
        });
        parsed.transpose()
    }

    pub fn name(&self, name: &'static str) -> Result<Option<String>, HttpError> {
        self.record(name, Place::Query, name_schema);
        self.get(name)
            .map(|text| checked_name(name, text))
            .transpose()
    }

    /// A name in the path.
    pub fn path_name(&self, name: &'static str, text: &str) -> Result<String, HttpError> {
        self.record(name, Place::Path, name_schema);
        checked_name(name, text)
    }

    /// The window that the dashboard and the page send, in hours.
    pub fn time_range(&self) -> Result<Option<i32>, HttpError> {
        self.choice(
            "timeRange",
            &[("1h", 1), ("6h", 6), ("24h", 24), ("7d", 168), ("30d", 720)],
        )
    }

    pub fn hours(&self, default: i32) -> Result<i32, HttpError> {
        let hours = self.number("hours", HOURS, Some(default))?;
        let range = self.time_range()?;
        Ok(hours.or(range).unwrap_or(default))
    }

    pub fn days(&self, default: i32) -> Result<i32, HttpError> {
        let days = self.number("days", DAYS, Some(default))?;
        let range = self.time_range()?;
        Ok(days.or(range.map(whole_days)).unwrap_or(default))
    }

    pub fn day(&self, name: &'static str) -> Result<Option<Day>, HttpError> {
        let schema = || json!({"type": "string", "format": "date"});
        self.parsed(name, schema, Day::parse, "a date like 2026-11-20")
    }

    pub fn time_ms(&self, name: &'static str) -> Result<Option<i64>, HttpError> {
        let schema = || {
            json!({"anyOf": [
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
                {"type": "integer", "minimum": UNIX.start(), "maximum": UNIX.end()},
            ]})
        };
        let what = "a date, an RFC 3339 time or a Unix number";
        self.parsed(name, schema, parse_time, what)
    }

    /// A switch without a value is on.
    pub fn force(&self) -> Result<bool, HttpError> {
        let choices = [("", true), ("true", true), ("false", false)];
        let invalid = |_| HttpError::invalid_parameter("force must be one of true, false");
        let choice = self.choice("force", &choices).map_err(invalid)?;
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
fn checked_name(name: &str, text: &str) -> Result<String, HttpError> {
    if (1..=MAX_NAME_BYTES).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    let must = format!("{name} must be 1..={MAX_NAME_BYTES} bytes");
    Err(HttpError::invalid_parameter(must))
}

fn parse_time(text: &str) -> Option<i64> {
    if let Some(day) = Day::parse(text) {
        return Some(day.start_ms());
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
mod tests {
    use super::super::error::Code;
    use super::*;

    fn params(query: &str) -> Params {
        let uri = format!("/x?{query}").parse().unwrap();
        Params::of(&uri).unwrap()
    }

    #[test]
    fn times_are_dates_or_stamps() {
        let time_ms = |text: &str| params(&format!("t={text}")).time_ms("t");
        assert_eq!(params("").time_ms("t").unwrap(), None);
        assert_eq!(time_ms("1970-01-02").unwrap(), Some(86_400_000));
        assert_eq!(
            time_ms("1970-01-01T00:00:01.5%2B00:00").unwrap(),
            Some(1_500)
        );
        assert_eq!(time_ms("1795200000").unwrap(), Some(1_795_200_000_000));
        assert_eq!(time_ms("1795200000123").unwrap(), Some(1_795_200_000_123));
        let expect = "t must be a date, an RFC 3339 time or a Unix number";
        for text in ["yesterday", "-1", "253402300800000", "-9223372036854775808"] {
            let error = time_ms(text).unwrap_err();
            assert_eq!(
                (error.code, error.message.as_ref()),
                (Code::InvalidParameter, expect)
            );
        }
    }

    #[test]
    fn the_first_of_a_name_counts() {
        assert_eq!(params("a=1&a=2").get("a"), Some("1"));
        assert_eq!(params("a=&b=%20").get("a"), Some(""));
        assert_eq!(params("a=1").get("b"), None);
        assert_eq!(params("a=&b=%20").get("b"), Some(" "));
    }

    #[test]
    fn force_is_a_switch() {
        assert!(!params("").force().unwrap());
        assert!(params("force").force().unwrap());
        assert!(params("force=true").force().unwrap());
        assert!(!params("force=false").force().unwrap());
        let error = params("force=1").force().unwrap_err();
        assert_eq!(error.message, "force must be one of true, false");
    }

    #[test]
    fn what_is_asked_for_is_noted_with_its_bounds() {
        let recording = Params::recording();
        assert_eq!(recording.days(7).unwrap(), 7);
        assert_eq!(recording.path_name("id", "x").unwrap(), "x");
        let specs = recording.into_specs();
        let listed: Vec<_> = specs
            .iter()
            .map(|specs| (specs.name, specs.place))
            .collect();
        let (query, path) = (Place::Query, Place::Path);
        assert_eq!(
            listed,
            [("days", query), ("timeRange", query), ("id", path)]
        );
        let days = json!({"type": "integer", "minimum": 1, "maximum": 90, "default": 7});
        assert_eq!(specs[0].schema, days);
        let given = params("days=3");
        assert_eq!(given.days(7).unwrap(), 3);
        assert_eq!(given.into_specs(), []);
    }
}
