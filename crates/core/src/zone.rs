//! Days as people mean them: the dates of one time zone. Which day a moment is of, and when a day
//! begins, is asked here and nowhere else; docs/operations.md lists the few days that are UTC's.
//!
//! A day is what lies between its first moment and that of the next one, so that each moment is of
//! one day: where clocks are set back over midnight, the date that has begun goes on.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::bucket::{DAY_MS, Day, HOUR_MS, Hour};

#[cfg(test)]
mod tests;

const UTC: &str = "UTC";
/// Names of the tz database for UTC, as systems are set to them.
const NAMES_OF_UTC: [&str; 5] = ["Etc/UTC", "Etc/UCT", "UCT", "Etc/Zulu", "Etc/Universal"];
/// Clocks are set back by less than this.
const SET_BACK_MS: i64 = 3 * HOUR_MS;

/// A time zone with a name. A clone is cheap.
#[derive(Clone)]
pub struct Zone {
    name: Arc<str>,
    rules: TimeZone,
}

impl Zone {
    pub fn utc() -> Zone {
        Zone {
            name: UTC.into(),
            rules: TimeZone::UTC,
        }
    }

    /// Returns `None` for rules without a name of the tz database: they could not be found again.
    pub fn of(rules: TimeZone) -> Option<Zone> {
        let name = rules.iana_name()?;
        if name == UTC || NAMES_OF_UTC.contains(&name) {
            return Some(Zone::utc());
        }
        (!rules.is_unknown()).then(|| Zone {
            name: name.into(),
            rules: rules.clone(),
        })
    }

    /// Such as `Europe/Berlin`, or `UTC`.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn day_of(&self, time_ms: i64) -> Day {
        let clock_ms = self.clock_ms(time_ms);
        let day = Day(clock_ms.div_euclid(DAY_MS) as i32);
        let is_late = clock_ms.rem_euclid(DAY_MS) >= DAY_MS - SET_BACK_MS;
        if is_late && time_ms >= self.end_ms(day) {
            return Day(day.0 + 1);
        }
        day
    }

    /// The first moment of a day.
    pub fn start_ms(&self, day: Day) -> i64 {
        let midnight_ms = i64::from(day.0) * DAY_MS;
        let Ok(midnight) = Timestamp::from_millisecond(midnight_ms) else {
            return midnight_ms;
        };
        let midnight = Offset::UTC.to_datetime(midnight);
        let before_ms = |offset: Offset| midnight_ms - offset_ms(offset);
        match self.rules.to_ambiguous_timestamp(midnight).offset() {
            AmbiguousOffset::Unambiguous { offset } => before_ms(offset),
            AmbiguousOffset::Fold { before, .. } => before_ms(before),
            // There is no such midnight: the day begins where clocks are set forward.
            AmbiguousOffset::Gap { before, .. } => {
                let latest_ms = before_ms(before);
                let after = Timestamp::from_millisecond(latest_ms.saturating_add(1));
                let set = after.ok().and_then(|at| self.rules.preceding(at).next());
                set.map_or(latest_ms, |set| set.timestamp().as_millisecond())
            }
        }
    }

    /// The first moment after a day.
    pub fn end_ms(&self, day: Day) -> i64 {
        self.start_ms(Day(day.0.saturating_add(1)))
    }

    /// The day in which an hour begins.
    pub fn day_of_hour(&self, hour: Hour) -> Day {
        self.day_of(hour.start_ms())
    }

    /// The first and the last hour that begin in a day.
    pub fn hours_of(&self, day: Day) -> (Hour, Hour) {
        let first = Hour::of(self.start_ms(day) + HOUR_MS - 1);
        (first, Hour::of(self.end_ms(day) - 1))
    }

    /// What the hour hand of a clock shows, 0 to 23.
    pub fn clock_hour(&self, time_ms: i64) -> i32 {
        (self.clock_ms(time_ms).rem_euclid(DAY_MS) / HOUR_MS) as i32
    }

    /// Whether hours begin where the hour hand moves on, on all of these days, both included. In
    /// zones with another offset an hour may lie in two days.
    pub fn has_whole_hours(&self, from: Day, to: Day) -> bool {
        let mut borders = from.to(Day(to.0.saturating_add(1)));
        borders.all(|day| self.start_ms(day).rem_euclid(HOUR_MS) == 0)
    }

    /// What clocks show, as if it were UTC.
    fn clock_ms(&self, time_ms: i64) -> i64 {
        let end = if time_ms < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        let at = Timestamp::from_millisecond(time_ms).unwrap_or(end);
        time_ms.saturating_add(offset_ms(self.rules.to_offset(at)))
    }
}

fn offset_ms(offset: Offset) -> i64 {
    i64::from(offset.seconds()) * 1_000
}

/// Zones are the same by their names.
impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

/// Whose days those of a data folder are.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    pub zone: Zone,
    /// The first day that is whole in this zone; `None` if all are. What ended before was deleted
    /// when the zone was changed, and is still counted by the days of the zone before.
    pub since: Option<Day>,
}
