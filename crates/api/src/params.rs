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
mod tests {
    use super::*;

    const T: Param = Param::new("t", "");

    fn params(query: &str) -> Params {
        Params::of(Some(query), None)
    }

    #[test]
    fn times_are_dates_or_stamps() {
        let time_ms = |text: &str| params(&format!("t={text}")).time_ms(T);
        assert_eq!(params("").time_ms(T).unwrap(), None);
        assert_eq!(time_ms("1970-01-02").unwrap(), Some(86_400_000));
        assert_eq!(
            time_ms("1970-01-01T00:00:01.5%2B00:00").unwrap(),
            Some(1_500)
        );
        assert_eq!(time_ms("1795200000").unwrap(), Some(1_795_200_000_000));
        assert_eq!(time_ms("1795200000123").unwrap(), Some(1_795_200_000_123));
        let expect = "t must be a date, an RFC 3339 time or a Unix number";
        for text in ["yesterday", "-1", "253402300800000", "-9223372036854775808"] {
            assert_eq!(time_ms(text).unwrap_err().to_string(), expect);
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
    fn a_switch_without_a_value_is_on() {
        let force = |query| params(query).switch(Param::new("force", ""));
        assert_eq!(force(""), Ok(false));
        assert_eq!(force("force"), Ok(true));
        assert_eq!(force("force=true"), Ok(true));
        assert_eq!(force("force=false"), Ok(false));
        let error = force("force=1").unwrap_err();
        assert_eq!(error.to_string(), "force must be one of true, false");
    }

    #[test]
    fn names_have_the_bounds_of_events() {
        let item = |item: &str| Params::of(None, Some(item.to_owned())).item_name(AGENT_NAME);
        let long = "x".repeat(257);
        let expect = "agent_name must be 1..=256 bytes";
        for wrong in [&long, ""] {
            assert_eq!(item(wrong).unwrap_err().to_string(), expect);
        }
        assert!(item(&long[1..]).is_ok());
    }

    #[test]
    fn the_own_parameter_wins_over_the_time_range() {
        let hours = |query| params(query).hours(24);
        assert_eq!(
            ["", "timeRange=6h", "timeRange=6h&hours=3"].map(hours),
            [Ok(24), Ok(6), Ok(3)]
        );
        let days = |query| params(query).days(7);
        assert_eq!(
            ["", "timeRange=1h", "timeRange=24h"].map(days),
            [Ok(7), Ok(1), Ok(1)]
        );
        assert_eq!(
            ["timeRange=7d", "timeRange=1h&days=3"].map(days),
            [Ok(7), Ok(3)]
        );
        let expect = "timeRange must be one of 1h, 6h, 24h, 7d, 30d";
        for query in ["timeRange=2h", "timeRange=2h&hours=3"] {
            assert_eq!(hours(query).unwrap_err().to_string(), expect);
        }
    }

    #[test]
    fn numbers_have_their_bounds_and_unknown_parameters_are_ignored() {
        let hours = |query: &str| params(query).hours(24);
        assert_eq!(hours("hours=1&x=y"), Ok(1));
        assert_eq!(hours("hours=168"), Ok(168));
        for text in ["0", "169", "-1", "1.5", "x", "99999999999"] {
            let error = hours(&format!("hours={text}")).unwrap_err();
            assert_eq!(error.to_string(), "hours must be 1..=168");
        }
        assert_eq!(params("days=400").days(7), Ok(400));
        for query in ["days=0", "days=401"] {
            let error = params(query).days(7).unwrap_err();
            assert_eq!(error.to_string(), "days must be 1..=400");
        }
    }

    #[test]
    fn what_is_read_is_recorded_with_its_bounds() {
        let recording = Params::recording();
        assert_eq!(recording.days(7), Ok(7));
        assert!(recording.item_name(AGENT_NAME).is_ok());
        let specs = recording.into_specs();
        let listed: Vec<_> = specs
            .iter()
            .map(|spec| (spec.param.name, spec.place))
            .collect();
        let (query, path) = (Place::Query, Place::Path);
        let expect = [("days", query), ("timeRange", query), ("agent_name", path)];
        assert_eq!(listed, expect);
        let days = json!({"type": "integer", "minimum": 1, "maximum": 400, "default": 7});
        assert_eq!(specs[0].schema, days);
        let given = params("days=3");
        assert_eq!(given.days(7), Ok(3));
        assert_eq!(given.into_specs(), []);
    }
}
