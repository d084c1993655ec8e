//! Durations and sizes in text: digits and one unit, nothing else.
//!
//! A plain number is refused because it does not say what it counts, and so is `1h30m`:
//! one way to write a value is enough (`90m`).

use std::time::Duration;

type Units = [(&'static str, u64)];

/// In milliseconds, largest first, as the formatter needs them.
const DURATION_UNITS: &Units = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// In bytes, largest first. The decimal units (`MB`) are left out: memory is meant in powers
/// of two, and half the readers would guess wrong.
const SIZE_UNITS: &Units = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// `"300s"`, `"15m"`, `"90d"`, `"500ms"`, `"2h"`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    parse(text, DURATION_UNITS).map(Duration::from_millis)
}

/// The shortest exact form: 300 s is `5m`. Below a millisecond nothing can be written.
pub(super) fn show_duration(duration: Duration) -> String {
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    show(duration_ms, DURATION_UNITS)
}

/// `"256MiB"`, `"64KiB"`, `"1GiB"`, in bytes.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    parse(text, SIZE_UNITS)
}

/// The shortest exact form of a number of bytes: 1,024 is `1KiB`.
pub(super) fn show_size(bytes: u64) -> String {
    show(bytes, SIZE_UNITS)
}

fn parse(text: &str, units: &Units) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(unit_at);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show(value: u64, units: &Units) -> String {
    let exact = units
        .iter()
        .find(|(_, factor)| value.is_multiple_of(*factor) && value >= *factor);
    let (unit, factor) = exact.or(units.last()).unwrap_or(&("", 1));
    format!("{}{unit}", value / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text, expect_ms: Option<u64>| {
            assert_eq!(
                parse_duration(text),
                expect_ms.map(Duration::from_millis),
                "{text:?}"
            );
        };
        check("300s", Some(300_000));
        check("15m", Some(900_000));
        check("90d", Some(7_776_000_000));
        check("500ms", Some(500));
        check("2h", Some(7_200_000));
        check("0s", Some(0));
        for bad in [
            "", "s", "300", "300 s", " 300s", "-1s", "+1s", "1.5s", "1h30m", "5M", "5S",
        ] {
            check(bad, None);
        }
        check("213503982335d", None); // One more day than 2^64 ms hold.
        check("99999999999999999999s", None);
    }

    #[test]
    fn sizes() {
        let check = |text, expect| assert_eq!(parse_size(text), expect, "{text:?}");
        check("256MiB", Some(268_435_456));
        check("64KiB", Some(65_536));
        check("1GiB", Some(1_073_741_824));
        check("2TiB", Some(2_199_023_255_552));
        check("17B", Some(17));
        for bad in [
            "",
            "1024",
            "256MB",
            "256M",
            "256mib",
            "1.5GiB",
            "16777216TiB",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn shown_in_the_largest_unit_that_is_exact() {
        let duration = |ms| show_duration(Duration::from_millis(ms));
        assert_eq!(duration(300_000), "5m");
        assert_eq!(duration(90_000), "90s");
        assert_eq!(duration(7_776_000_000), "90d");
        assert_eq!(duration(1_500), "1500ms");
        assert_eq!(duration(0), "0ms");
        assert_eq!(show_size(268_435_456), "256MiB");
        assert_eq!(show_size(1_025), "1025B");
    }
}
