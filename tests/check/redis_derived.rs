//! The averages, rates and lists that stand in Redis beside the sums, against the model.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{Check, near, same};
use super::redis_keys::{Found, end_of_day, lives};
use crate::model::{Ended, HOUR_MS, Tally, World, hour};

/// Fields of hours and days that are no sums.
pub const FIELDS: [&str; 7] = [
    "avg_duration_ms",
    "avg_tokens",
    "total_cost",
    "total_executions",
    "success_rate",
    "agent_types",
    "peak_hour",
];

type Fields = BTreeMap<String, serde_json::Value>;

/// Every one of these fields of every key follows from the executions.
pub fn follow(found: &mut Found, world: &World) -> Check {
    let hour_end = |one: &Ended| (one.end_ms.div_euclid(HOUR_MS) + 1) * HOUR_MS;
    let hours = world.by(|one| (hour_end(one), hour(one.end_ms), one.kind.clone()));
    for ((end_ms, hour, kind), tally) in hours {
        if lives(end_ms, 7) {
            of_hour(found, &format!("metrics:hourly:{hour}:{kind}"), &tally)?;
        }
    }
    for (day, tally) in world.by(Ended::day) {
        if lives(end_of_day(&day), 90) {
            let of_day = world.ended.iter().filter(|one| one.day() == day);
            of_this_day(found, &format!("metrics:daily:{day}"), &tally, of_day)?;
        }
    }
    Ok(())
}

fn of_hour(found: &mut Found, key: &str, tally: &Tally) -> Check {
    let mut told = told(found, key)?;
    let durations = &tally.durations;
    if !durations.is_empty() {
        let (sum, count) = (durations.iter().sum(), durations.len() as i64);
        mean(key, &mut told, "avg_duration_ms", sum, count)?;
    }
    mean(key, &mut told, "avg_tokens", tally.total, tally.executions)?;
    cost(key, &mut told, tally)?;
    nothing_else(key, &told)
}

fn of_this_day<'a>(
    found: &mut Found,
    key: &str,
    tally: &Tally,
    ended: impl Iterator<Item = &'a Ended>,
) -> Check {
    let mut told = told(found, key)?;
    let (mut kinds, mut hours) = (BTreeSet::new(), [0; 24]);
    for one in ended {
        kinds.insert(one.kind.as_str());
        let hour: usize = hour(one.end_ms)[11..].parse().map_err(|_| "no hour")?;
        hours[hour] += 1;
    }
    let most = hours.iter().max();
    let peak = hours.iter().position(|count| Some(count) == most);
    let mut take = |field: &str| told.remove(field).unwrap_or_default();
    same(key, &take("total_executions"), &tally.executions.into())?;
    let rate = (tally.success_rate() * 1e4).round() / 1e4;
    near(key, &take("success_rate"), rate, 1e-9)?;
    let listed: Option<BTreeSet<String>> = serde_json::from_value(take("agent_types")).ok();
    if listed.is_none_or(|listed| !listed.iter().eq(&kinds)) {
        return Err(format!("{key}: agent_types are not {kinds:?}"));
    }
    same(key, &take("peak_hour"), &peak.into())?;
    cost(key, &mut told, tally)?;
    nothing_else(key, &told)
}

/// The fields by their names; all of them are JSON.
fn told(found: &mut Found, key: &str) -> Result<Fields, String> {
    let mut fields = Fields::new();
    for pair in found.run(&["HGETALL", key])?.chunks(2) {
        if FIELDS.contains(&&*pair[0]) {
            let value = serde_json::from_str(&pair[1]);
            let value = value.map_err(|e| format!("{key} {}: {}: {e}", pair[0], pair[1]))?;
            fields.insert(pair[0].clone(), value);
        }
    }
    Ok(fields)
}

/// Half up.
fn mean(key: &str, told: &mut Fields, field: &str, sum: i64, count: i64) -> Check {
    let mean = (2 * sum + count).div_euclid(2 * count);
    let told = told.remove(field).unwrap_or_default();
    same(&format!("{key} {field}"), &told, &mean.into())
}

fn cost(key: &str, told: &mut Fields, tally: &Tally) -> Check {
    let told = told.remove("total_cost").unwrap_or_default();
    near(&format!("{key} total_cost"), &told, tally.dollars(), 1e-9)
}

fn nothing_else(key: &str, told: &Fields) -> Check {
    match told.keys().next() {
        Some(field) => Err(format!("{key} has {field}")),
        None => Ok(()),
    }
}
