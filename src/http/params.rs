//! The parameters of a URL, each within its bounds. Unknown ones are ignored.

use std::fmt::Display;
use std::ops::RangeInclusive;

use axum::extract::Query as UrlQuery;
use axum::http::Uri;
use jiff::Timestamp;

use super::error::HttpError;
use crate::domain::bucket::Day;
use crate::domain::event::MAX_NAME_BYTES;

const HOURS: RangeInclusive<i32> = 1..=168;
/// As long as the history is kept by default.
const DAYS: RangeInclusive<i32> = 1..=90;
/// Unix numbers below this are seconds, others milliseconds; as in events.
const SECONDS_BELOW: i64 = 100_000_000_000;

pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn of(uri: &Uri) -> Result<Params, HttpError> {
        if uri.query().is_none() {
            return Ok(Params(Vec::new()));
        }
        match UrlQuery::try_from_uri(uri) {
            Ok(UrlQuery(params)) => Ok(Params(params)),
            Err(_) => Err(HttpError::invalid_parameter("the query cannot be read")),
        }
    }

    /// The first of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn number<N>(&self, name: &str, bounds: RangeInclusive<N>) -> Result<Option<N>, HttpError>
    where
        N: std::str::FromStr + PartialOrd + Display,
    {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = bounds.into_inner();
            HttpError::invalid_parameter(format!("{name} must be {least}..={most}"))
        })
    }

    pub fn choice<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, HttpError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let found = choices.iter().find(|(word, _)| *word == text);
        found.map(|&(_, choice)| Some(choice)).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|&(word, _)| word).collect();
            HttpError::invalid_parameter(format!("{name} must be one of {}", words.join(", ")))
        })
    }

    pub fn name(&self, name: &str) -> Result<Option<String>, HttpError> {
        self.get(name)
            .map(|text| checked_name(name, text))
            .transpose()
    }

    /// The window that the dashboard and the page send, in hours.
    pub fn time_range(&self) -> Result<Option<i32>, HttpError> {
        self.choice(
            "timeRange",
            &[("1h", 1), ("6h", 6), ("24h", 24), ("7d", 168), ("30d", 720)],
        )
    }

    pub fn hours(&self) -> Result<Option<i32>, HttpError> {
        let (hours, range) = (self.number("hours", HOURS)?, self.time_range()?);
        Ok(hours.or(range))
    }

    pub fn days(&self, default: i32) -> Result<i32, HttpError> {
        let (days, range) = (self.number("days", DAYS)?, self.time_range()?);
        Ok(days.or(range.map(whole_days)).unwrap_or(default))
    }

    pub fn time_ms(&self, name: &str) -> Result<Option<i64>, HttpError> {
        self.get(name)
            .map(|text| {
                parse_time(text).ok_or_else(|| {
                    HttpError::invalid_parameter(format!(
                        "{name} must be a date, an RFC 3339 time or a Unix number"
                    ))
                })
            })
            .transpose()
    }

    /// A switch is on when it stands without a value, too.
    pub fn force(&self) -> Result<bool, HttpError> {
        let choices = [("", true), ("true", true), ("false", false)];
        let invalid = |_| HttpError::invalid_parameter("force must be one of true, false");
        let choice = self.choice("force", &choices).map_err(invalid)?;
        Ok(choice.unwrap_or(false))
    }
}

pub fn whole_days(hours: i32) -> i32 {
    (hours + 23) / 24
}

/// Names beyond the bounds of events cannot be there, and would fill the cache.
pub fn checked_name(name: &str, text: &str) -> Result<String, HttpError> {
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
        let seconds = number.abs() < SECONDS_BELOW;
        return Some(if seconds { number * 1_000 } else { number });
    }
    text.parse::<Timestamp>()
        .ok()
        .map(|time| time.as_millisecond())
}

#[cfg(test)]
mod tests {
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
        let error = time_ms("yesterday").unwrap_err();
        let expect = "t must be a date, an RFC 3339 time or a Unix number";
        assert_eq!(
            (error.code, error.message.as_ref()),
            ("invalid_parameter", expect)
        );
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
}
