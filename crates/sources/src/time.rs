//! Times as they are written, to milliseconds since 1970 in UTC.

use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;

/// The years 0001 to 9999, in milliseconds.
pub const TIME_RANGE_MS: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;
/// Unix numbers below this are seconds, others milliseconds.
pub const SECONDS_BELOW: f64 = 1e11;

pub fn unix_ms(number: f64) -> Option<i64> {
    let time_ms = if number.abs() < SECONDS_BELOW {
        number * 1000.0
    } else {
        number
    };
    (time_ms.abs() < 1e15).then(|| time_ms.round() as i64)
}

/// By its parts: a whole timestamp of the library ends a day before the year 9999 does.
pub fn civil_ms(text: &str, zone: &TimeZone) -> Option<i64> {
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
