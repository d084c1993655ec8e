//! Days of zones against rules that are written here by hand, minute by minute: the model knows
//! when clocks are set, and counts days by walking.

use super::*;

const MINUTE_MS: i64 = 60_000;
/// 2026-01-01T00:00Z.
const JANUARY_MS: i64 = 20_454 * DAY_MS;

fn zone(name: &str) -> Zone {
    Zone::of(TimeZone::get(name).unwrap()).unwrap()
}

/// A moment of 2026: month, day, hour and minute of UTC.
fn at(month: usize, day: i64, hour: i64, minute: i64) -> i64 {
    const DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days: i64 = DAYS[..month - 1].iter().sum::<i64>() + day - 1;
    JANUARY_MS + days * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS
}

/// The offset in minutes at the beginning of 2026, and when clocks are set to another one.
struct Model {
    offset: i64,
    set: Vec<(i64, i64)>,
}

impl Model {
    fn clock_ms(&self, time_ms: i64) -> i64 {
        let is_set = |(at_ms, _): &&(i64, i64)| *at_ms <= time_ms;
        let set = self.set.iter().rev().find(is_set);
        time_ms + set.map_or(self.offset, |(_, offset)| *offset) * MINUTE_MS
    }
}

fn models() -> [(&'static str, Model); 6] {
    let model = |offset, set: &[(i64, i64)]| Model {
        offset,
        set: set.to_vec(),
    };
    [
        // Last Sundays of March and October, at 01:00 UTC.
        (
            "Europe/Berlin",
            model(60, &[(at(3, 29, 1, 0), 120), (at(10, 25, 1, 0), 60)]),
        ),
        // Second Sunday of March, first of November, at 02:00 of the clock.
        (
            "America/New_York",
            model(-300, &[(at(3, 8, 7, 0), -240), (at(11, 1, 6, 0), -300)]),
        ),
        // By half an hour: first Sundays of April and October, at 02:00 of the clock.
        (
            "Australia/Lord_Howe",
            model(660, &[(at(4, 4, 15, 0), 630), (at(10, 3, 15, 30), 660)]),
        ),
        ("Asia/Kolkata", model(330, &[])),
        ("Asia/Kathmandu", model(345, &[])),
        ("UTC", model(0, &[])),
    ]
}

#[test]
fn each_minute_of_a_year_is_of_the_day_and_hour_that_clocks_show() {
    for (name, model) in models() {
        let zone = zone(name);
        for time_ms in (at(1, 2, 0, 0)..at(12, 31, 0, 0)).step_by(MINUTE_MS as usize) {
            let clock_ms = model.clock_ms(time_ms);
            let day = Day((clock_ms / DAY_MS) as i32);
            assert_eq!(zone.day_of(time_ms), day, "{name} {time_ms}");
            let hour = (clock_ms / HOUR_MS % 24) as i32;
            assert_eq!(zone.clock_hour(time_ms), hour, "{name} {time_ms}");
        }
    }
}

#[test]
fn days_are_as_long_as_their_clocks_make_them() {
    let hours = |name: &str, date: &str| {
        let (zone, day) = (zone(name), Day::parse(date).unwrap());
        (zone.end_ms(day) - zone.start_ms(day)) as f64 / HOUR_MS as f64
    };
    assert_eq!(hours("Europe/Berlin", "2026-03-28"), 24.0);
    assert_eq!(hours("Europe/Berlin", "2026-03-29"), 23.0);
    assert_eq!(hours("Europe/Berlin", "2026-10-25"), 25.0);
    assert_eq!(hours("America/New_York", "2026-03-08"), 23.0);
    assert_eq!(hours("America/New_York", "2026-11-01"), 25.0);
    assert_eq!(hours("Australia/Lord_Howe", "2026-04-05"), 24.5);
    assert_eq!(hours("Australia/Lord_Howe", "2026-10-04"), 23.5);
    let starts = |name: &str, date: &str| zone(name).start_ms(Day::parse(date).unwrap());
    assert_eq!(starts("Europe/Berlin", "2026-03-29"), at(3, 28, 23, 0));
    assert_eq!(starts("Europe/Berlin", "2026-03-30"), at(3, 29, 22, 0));
    assert_eq!(starts("Asia/Kolkata", "2026-03-30"), at(3, 29, 18, 30));
}

/// Days without a midnight, with two of them, and one that never was.
#[test]
fn days_follow_each_other_without_a_gap() {
    for (name, from, to) in [
        // 00:00 is set to 01:00.
        ("Africa/Cairo", "2026-04-20", "2026-04-28"),
        // 01:00 is set back to 00:00.
        ("America/Havana", "2026-10-28", "2026-11-04"),
        // 24:00 is set back to 23:00.
        ("America/Sao_Paulo", "2018-02-14", "2018-02-21"),
        // 00:01 is set back to 23:01 of the day before.
        ("America/St_Johns", "2010-11-04", "2010-11-10"),
        // 23:30 is set to 00:30.
        ("America/Toronto", "1919-03-28", "1919-04-03"),
        ("Pacific/Apia", "2011-12-28", "2012-01-02"),
        ("Europe/Berlin", "2026-03-27", "2026-03-31"),
    ] {
        let (zone, from, to) = (
            zone(name),
            Day::parse(from).unwrap(),
            Day::parse(to).unwrap(),
        );
        for day in from.to(to) {
            let (start_ms, end_ms) = (zone.start_ms(day), zone.end_ms(day));
            assert!(start_ms <= end_ms, "{name} {day}");
            for time_ms in (start_ms..end_ms).step_by(MINUTE_MS as usize) {
                assert_eq!(zone.day_of(time_ms), day, "{name} {time_ms}");
            }
            if start_ms < end_ms {
                assert_eq!(zone.day_of(end_ms - 1), day, "{name}");
            }
        }
    }
    let (apia, never) = (zone("Pacific/Apia"), Day::parse("2011-12-30").unwrap());
    assert_eq!(apia.start_ms(never), apia.end_ms(never));
}

#[test]
fn an_hour_is_of_the_day_in_which_it_begins() {
    for (name, _) in models() {
        let zone = zone(name);
        let days = Day::parse("2026-03-01")
            .unwrap()
            .to(Day::parse("2026-11-05").unwrap());
        for day in days {
            let (first, last) = zone.hours_of(day);
            assert!(
                first.to(last).all(|hour| zone.day_of_hour(hour) == day),
                "{name} {day}"
            );
            assert_eq!(
                zone.hours_of(Day(day.0 + 1)).0,
                Hour(last.0 + 1),
                "{name} {day}"
            );
        }
    }
    let whole = |name: &str, from: &str, to: &str| {
        zone(name).has_whole_hours(Day::parse(from).unwrap(), Day::parse(to).unwrap())
    };
    for name in ["Europe/Berlin", "America/New_York", "UTC"] {
        assert!(whole(name, "2026-01-01", "2026-12-31"), "{name}");
    }
    assert!(!whole("Asia/Kolkata", "2026-06-01", "2026-06-01"));
    assert!(!whole("Asia/Kathmandu", "2026-06-01", "2026-06-01"));
    // On the 5th of April clocks there are set back by half an hour.
    let lord_howe = |from, to| whole("Australia/Lord_Howe", from, to);
    assert!(lord_howe("2026-01-01", "2026-04-04"));
    assert!(!lord_howe("2026-04-05", "2026-04-05"));
    assert!(!lord_howe("2026-01-01", "2026-12-31"));
}

#[test]
fn a_zone_has_a_name() {
    assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
    assert_eq!(zone("Etc/UTC").name(), "UTC");
    assert_eq!(zone("Etc/UTC"), Zone::utc());
    assert_ne!(zone("Europe/Berlin"), Zone::utc());
    assert_eq!(Zone::of(TimeZone::unknown()), None);
    assert_eq!(Zone::of(TimeZone::fixed(Offset::constant(1))), None);
}

#[test]
fn what_no_calendar_reaches_is_still_of_a_day() {
    let berlin = zone("Europe/Berlin");
    for time_ms in [i64::MIN, i64::MAX] {
        berlin.day_of(time_ms);
    }
    assert!(berlin.start_ms(Day(i32::MAX)) > berlin.start_ms(Day(100_000)));
    assert_eq!(Zone::utc().day_of(-1), Day(-1));
}
