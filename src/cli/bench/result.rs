//! What was measured, as one table or as JSON.

use std::time::Duration;

use serde::Serialize;

use crate::cli::table::aligned;

/// One number. None means that this system does not report it.
#[derive(Debug, Serialize)]
pub struct Row {
    part: &'static str,
    what: &'static str,
    value: Option<f64>,
    unit: &'static str,
}

pub fn row(
    part: &'static str,
    what: &'static str,
    value: impl Into<Option<f64>>,
    unit: &'static str,
) -> Row {
    Row {
        part,
        what,
        value: value.into(),
        unit,
    }
}

/// Where and with what it was measured.
#[derive(Debug, Serialize)]
pub struct Setting {
    pub version: &'static str,
    pub build: &'static str,
    pub redis: String,
    pub cpus: usize,
    pub disk: String,
    pub events: u64,
}

pub fn table(setting: &Setting, rows: &[Row]) -> String {
    let Setting {
        version,
        build,
        redis,
        cpus,
        disk,
        events,
    } = setting;
    let head = format!(
        "agentpulse {version} ({build} build), Redis {redis}, {cpus} CPUs, {disk}, {events} events\n\
         Wall times vary with what else the machine does: compare ratios and CPU times.\n\n"
    );
    let rows: Vec<[String; 4]> = rows
        .iter()
        .map(|row| {
            let value = row.value.map_or_else(|| "not measured".to_owned(), digits);
            let unit = if row.value.is_some() { row.unit } else { "" };
            [row.part, row.what, &value, unit].map(str::to_owned)
        })
        .collect();
    head + &aligned(&rows)
}

/// Three significant figures are more than two runs agree on.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size == 0.0 => grouped(value.round() as i64),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// `12,345`.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 {
        "-".to_owned()
    } else {
        String::new()
    };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// By nearest rank, in ms. `share` is 0..=1; nothing is 0.
pub fn percentile_ms(sorted: &[Duration], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    let at = sorted.get(rank.max(1) - 1).copied().unwrap_or_default();
    at.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_figures() {
        let expect = [
            (0.0, "0"),
            (0.0421, "0.042"),
            (4.2, "4.20"),
            (42.13, "42.1"),
            (421.7, "422"),
            (1_234_567.0, "1,234,567"),
            (-1_000.0, "-1,000"),
        ];
        for (value, text) in expect {
            assert_eq!(digits(value), text);
        }
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let sorted: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile_ms(&sorted, 0.5), 100.0);
        assert_eq!(percentile_ms(&sorted, 0.99), 198.0);
        assert_eq!(percentile_ms(&sorted[..1], 0.99), 1.0);
        assert_eq!(percentile_ms(&[], 0.5), 0.0);
    }

    #[test]
    fn a_missing_figure_is_not_measured() {
        let setting = Setting {
            version: "1",
            build: "debug",
            redis: "7".to_owned(),
            cpus: 2,
            disk: "ext4 on /dev/vda".to_owned(),
            events: 3,
        };
        let shown = table(
            &setting,
            &[row("a", "b", None, "µs"), row("a", "c", 2.0, "µs")],
        );
        assert!(
            shown.ends_with("\n\na  b  not measured\na  c  2.00          µs\n"),
            "{shown}"
        );
    }
}
