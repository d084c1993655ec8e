//! What `lua/apply.lua` derives from the sums of an hour or a day, computed here once more: whether
//! the fields that other programs read still follow from the sums beside them.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::Key;
use super::sections::{HOUR_COUNT, TYPE_COUNT};
use agentpulse_core::sum::MAX_EXACT;
use agentpulse_core::tally::{dollars, ratio, rounded_mean};

const HOUR_FIELDS: [&str; 3] = ["avg_duration_ms", "avg_tokens", "total_cost"];
const DAY_FIELDS: [&str; 5] = [
    "total_executions",
    "success_rate",
    "agent_types",
    "peak_hour",
    "total_cost",
];

/// Fields of a bucket that do not add up.
pub(super) fn fields(key: Key) -> &'static [&'static str] {
    match key {
        Key::HourTally => &HOUR_FIELDS,
        Key::DayTally => &DAY_FIELDS,
        _ => &[],
    }
}

/// Whether the fields of a bucket follow from its sums.
pub(super) fn follow(key: Key, found: &BTreeMap<&str, &str>) -> bool {
    let sum = |field: &str| match found.get(field) {
        None => Some(0),
        Some(text) => text.parse().ok().filter(|&sum: &i64| sum < MAX_EXACT),
    };
    let executions = sum("execution_count").filter(|&count| count > 0);
    let mean = |total: &str, count: Option<i64>| {
        let count = count.filter(|&count| count > 0)?;
        Some(rounded_mean(sum(total)?, count) as f64)
    };
    let cost = executions.and(sum("cost_micros")).map(dollars);
    match key {
        Key::HourTally => {
            let duration = mean("total_duration_ms", sum("duration_count"));
            is_number(found, "avg_duration_ms", duration)
                && is_number(found, "avg_tokens", mean("total_tokens", executions))
                && is_number(found, "total_cost", cost)
        }
        Key::DayTally => {
            let rate = executions.and_then(|count| Some(ratio(sum("success_count")?, count)));
            is_number(
                found,
                "total_executions",
                executions.map(|count| count as f64),
            ) && is_number(found, "success_rate", rate)
                && is_number(found, "peak_hour", peak_hour(found).map(f64::from))
                && is_number(found, "total_cost", cost)
                && has_types(found)
        }
        _ => true,
    }
}

fn is_number(found: &BTreeMap<&str, &str>, field: &str, expected: Option<f64>) -> bool {
    let found = found.get(field).map(|text| text.parse().ok());
    found == expected.map(Some)
}

/// The hour with most executions, the earliest of equals.
fn peak_hour(found: &BTreeMap<&str, &str>) -> Option<u8> {
    let hour = |(field, count): (&&str, &&str)| {
        let hour = field.strip_prefix(HOUR_COUNT)?.parse().ok()?;
        Some((count.parse().ok()?, hour))
    };
    let counts = found.iter().filter_map(hour);
    let better = |a: &(i64, u8), b: &(i64, u8)| (a.0, b.1).cmp(&(b.0, a.1));
    counts.max_by(better).map(|(_, hour)| hour)
}

fn has_types(found: &BTreeMap<&str, &str>) -> bool {
    let counted = found
        .keys()
        .filter_map(|field| field.strip_prefix(TYPE_COUNT));
    let counted: BTreeSet<&str> = counted.collect();
    let listed = found
        .get("agent_types")
        .map(|text| serde_json::from_str(text));
    match listed {
        None => counted.is_empty(),
        Some(Ok(listed)) => {
            let listed: Vec<String> = listed;
            listed.iter().map(String::as_str).collect::<BTreeSet<_>>() == counted
                && listed.len() == counted.len()
        }
        Some(Err(_)) => false,
    }
}
