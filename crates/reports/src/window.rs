//! The hours and days that a report covers; the current one is always the last.

use std::ops::Range;

use agentpulse_core::bucket::{Day, Hour};
use agentpulse_core::retention::ANSWERED_DAYS;
use agentpulse_core::zone::Zone;

/// Whether the live view still has all of the last `hours` hours.
pub fn hours_are_live(hours: i32) -> bool {
    hours <= ANSWERED_DAYS * 24
}

/// The last `hours` hours, both ends included.
pub fn last_hours(hours: i32, now_ms: i64) -> (Hour, Hour) {
    let current = Hour::of(now_ms);
    (Hour(current.0 - (hours - 1)), current)
}

/// The last `days` days, both ends included.
pub fn last_days(days: i32, today: Day) -> (Day, Day) {
    (today.back(days - 1), today)
}

/// From the first moment of these days to after the last one, in UTC's milliseconds.
pub fn ended_in(zone: &Zone, (from, to): (Day, Day)) -> Range<i64> {
    zone.start_ms(from)..zone.end_ms(to)
}

/// Whether so many days are few enough for a lookup, with a name for each hour or tool of them.
pub fn days_are_few(days: i32) -> bool {
    days <= ANSWERED_DAYS
}

/// Whether the live view still has all days from `first` on.
pub fn is_live(first: Day, today: Day) -> bool {
    first >= today.back(ANSWERED_DAYS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_core::bucket::{DAY_MS, HOUR_MS};

    #[test]
    fn the_current_hour_and_today_count() {
        let now_ms = 20_000 * DAY_MS + HOUR_MS + 5;
        assert_eq!(last_hours(1, now_ms), (Hour(480_001), Hour(480_001)));
        assert_eq!(last_hours(24, now_ms), (Hour(479_978), Hour(480_001)));
        assert_eq!(last_days(7, Day(20_000)), (Day(19_994), Day(20_000)));
        assert!(is_live(Day(19_994), Day(20_000)));
        assert!(!is_live(Day(19_993), Day(20_000)));
        assert!(hours_are_live(168) && !hours_are_live(169));
    }
}
