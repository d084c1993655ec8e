//! Hours and days, by which everything that adds up is kept. Hours are those of UTC. A day is a
//! date; when it begins depends on the [`zone`](super::zone), and UTC's days have its name.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// Hours since 1970-01-01T00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hour(pub i32);

/// A date, in days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

impl Hour {
    pub fn of(time_ms: i64) -> Hour {
        Hour(time_ms.div_euclid(HOUR_MS) as i32)
    }

    pub fn start_ms(self) -> i64 {
        i64::from(self.0) * HOUR_MS
    }

    pub fn end_ms(self) -> i64 {
        self.start_ms() + HOUR_MS
    }

    pub fn utc_day(self) -> Day {
        Day(self.0.div_euclid(24))
    }

    /// 0 to 23.
    pub fn utc_of_day(self) -> i32 {
        self.0.rem_euclid(24)
    }

    /// Reads `2026-11-20-18`.
    pub fn parse(text: &str) -> Option<Hour> {
        let (day, hour) = text.rsplit_once('-')?;
        let is_hour = hour.len() == 2 && hour.bytes().all(|byte| byte.is_ascii_digit());
        let hour: i32 = hour.parse().ok().filter(|hour| is_hour && *hour < 24)?;
        Some(Hour(Day::parse(day)?.0 * 24 + hour))
    }

    /// The hours from `self` to `last`, both included.
    pub fn to(self, last: Hour) -> impl Iterator<Item = Hour> {
        (self.0..=last.0).map(Hour)
    }
}

impl Day {
    pub fn utc_of(time_ms: i64) -> Day {
        Day(time_ms.div_euclid(DAY_MS) as i32)
    }

    pub fn utc_start_ms(self) -> i64 {
        i64::from(self.0) * DAY_MS
    }

    pub fn back(self, days: i32) -> Day {
        Day(self.0 - days)
    }

    /// The days from `self` to `last`, both included.
    pub fn to(self, last: Day) -> impl Iterator<Item = Day> {
        (self.0..=last.0).map(Day)
    }

    /// Reads `2026-11-20`.
    pub fn parse(text: &str) -> Option<Day> {
        let day: Date = text.parse().ok()?;
        (text.len() == 10).then(|| Day((day - date(1970, 1, 1)).get_days()))
    }

    fn date(self) -> Date {
        to_timestamp(self.utc_start_ms())
            .to_zoned(TimeZone::UTC)
            .date()
    }
}

/// `2026-11-20-18`, as it stands in the names of the hourly keys.
impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.utc_day(), self.utc_of_day())
    }
}

/// `2026-11-20`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

/// RFC 3339 in UTC with milliseconds, as every answer writes a moment.
pub fn rfc3339(time_ms: i64) -> String {
    format!("{:.3}", to_timestamp(time_ms))
}

/// RFC 3339 in UTC with whole seconds, as the timeline writes an hour.
pub fn rfc3339_seconds(time_ms: i64) -> String {
    format!("{:.0}", to_timestamp(time_ms))
}

/// Times that come in are bounded (see `event`), so the ends of the range only stand in for
/// what a damaged row might hold.
fn to_timestamp(time_ms: i64) -> Timestamp {
    let end = if time_ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_millisecond(time_ms).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days_are_named_in_utc() {
        // 2026-11-20T18:40:00.123Z is 1795200000123 - 0: 20777 days and 18 h 40 min.
        let time_ms = 20_777 * DAY_MS + 18 * HOUR_MS + 40 * 60_000 + 123;
        assert_eq!(Day::utc_of(time_ms).to_string(), "2026-11-20");
        assert_eq!(Hour::of(time_ms).to_string(), "2026-11-20-18");
        assert_eq!(rfc3339(time_ms), "2026-11-20T18:40:00.123Z");
        assert_eq!(
            rfc3339_seconds(Hour::of(time_ms).start_ms()),
            "2026-11-20T18:00:00Z"
        );
        assert_eq!(Day::parse("2026-11-20"), Some(Day(20_777)));
        assert_eq!(Day::parse("2026-13-20"), None);
        assert_eq!(Day::parse("20261120"), None);
        assert_eq!(Hour::parse("2026-11-20-18"), Some(Hour::of(time_ms)));
        for not_an_hour in [
            "2026-11-20-24",
            "2026-11-20-+8",
            "2026-11-20",
            "2026-11-20-8",
        ] {
            assert_eq!(Hour::parse(not_an_hour), None, "{not_an_hour}");
        }
    }

    #[test]
    fn before_1970_the_hour_is_still_the_one_that_contains_the_moment() {
        assert_eq!(Hour::of(-1).to_string(), "1969-12-31-23");
        assert_eq!(Day::utc_of(-1), Day(-1));
    }
}
