//! What the daemon answers over HTTP, against the model. Every check answers with the first
//! difference instead of failing, so that it can be asked again until the views have caught up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::compare::{
    Check, dollars, equal, keyed, near, only_these, rate, rows, same, text, texts, whole,
};
use super::{errors, sessions};
use crate::harness::{Daemon, now_ms};
use crate::model::{DAY_MS, Ended, HOUR_MS, Tally, World, day, hour, rfc3339, share};

/// Every read of numbers, those of Redis and those of history alike.
pub fn over_http(daemon: &Daemon, world: &World) -> Check {
    current(daemon, world)?;
    active(daemon, world)?;
    timeline(daemon, world)?;
    distribution(daemon, world)?;
    for days in [7, 30] {
        performance(daemon, world, days)?;
    }
    tools(daemon, world)?;
    daily(daemon, world)?;
    costs(daemon, world)?;
    errors::errors(daemon, world)?;
    sessions::sessions(daemon, world)?;
    executions(daemon, world)
}

fn current(daemon: &Daemon, world: &World) -> Check {
    let told = daemon.read("/api/agents/metrics/current")?;
    let today = day(now_ms());
    let tally = world.tally(|one| one.day() == today);
    equal(
        "active_agents",
        &told["active_agents"],
        world.active.len() as i64,
    )?;
    equal(
        "executions_today",
        &told["executions_today"],
        tally.executions,
    )?;
    equal("tokens_used_today", &told["tokens_used_today"], tally.total)?;
    rate("current", &told["success_rate"], tally.success_rate())?;
    whole(
        "current avg_duration_ms",
        &told["avg_duration_ms"],
        tally.mean_duration_ms(),
    )?;
    dollars(
        "estimated_cost_today",
        &told["estimated_cost_today"],
        tally.dollars(),
    )
}

fn active(daemon: &Daemon, world: &World) -> Check {
    let told = daemon.read("/api/agents/active")?;
    let ids: BTreeSet<String> = rows(&told["active"])?
        .iter()
        .map(|row| text(row, "agent_id"))
        .collect();
    if world.active.len() <= 100 && ids != world.active {
        return Err(format!("active: {ids:?}, expected {:?}", world.active));
    }
    Ok(())
}

fn timeline(daemon: &Daemon, world: &World) -> Check {
    let told = daemon.read("/api/agents/metrics/timeline?hours=168")?;
    let this_hour = now_ms().div_euclid(HOUR_MS) * HOUR_MS;
    let points = rows(&told["timeline"])?;
    equal("points", &points.len().into(), 168)?;
    for (point, ago) in points.iter().zip((0..168).rev()) {
        let at_ms = this_hour - ago * HOUR_MS;
        let what = format!("timeline {}", rfc3339(at_ms));
        same(&what, &point["timestamp"], &rfc3339(at_ms).into())?;
        let here = |one: &Ended| one.end_ms.div_euclid(HOUR_MS) * HOUR_MS == at_ms;
        let tally = world.tally(here);
        equal(&what, &point["executions"], tally.executions)?;
        rate(&what, &point["success_rate"], tally.success_rate())?;
        whole(&what, &point["avg_duration_ms"], tally.mean_duration_ms())?;
        let mut kinds: BTreeMap<&str, i64> = BTreeMap::new();
        for one in world.ended.iter().filter(|one| here(one)) {
            *kinds.entry(&one.kind).or_default() += 1;
        }
        let dominant = kinds.iter().min_by_key(|(kind, count)| (-**count, **kind));
        let dominant = dominant.map_or(Value::Null, |(kind, _)| (*kind).into());
        same(&what, &point["dominant_agent_type"], &dominant)?;
    }
    Ok(())
}

fn distribution(daemon: &Daemon, world: &World) -> Check {
    let told = daemon.read("/api/agents/types/distribution?timeRange=7d")?;
    let first_ms = (now_ms().div_euclid(HOUR_MS) - 167) * HOUR_MS;
    let last_ms = first_ms + 168 * HOUR_MS;
    let within = |one: &Ended| (first_ms..last_ms).contains(&one.end_ms);
    let kinds: BTreeSet<String> = world
        .ended
        .iter()
        .filter(|one| within(one))
        .map(|one| one.kind.clone())
        .collect();
    let all = world.tally(within).executions;
    let rows = keyed(&told["distribution"], "type")?;
    only_these("types", &rows, kinds.iter().cloned().collect())?;
    for (kind, row) in rows {
        let what = format!("type {kind}");
        let tally = world.tally(|one| within(one) && one.kind == kind);
        equal(&what, &row["count"], tally.executions)?;
        rate(&what, &row["percentage"], share(tally.executions, all))?;
        rate(&what, &row["success_rate"], tally.success_rate())?;
        whole(&what, &row["avg_duration_ms"], tally.mean_duration_ms())?;
        let calls = world.tool_calls(|one| one.kind == kind && day(one.end_ms) >= day(first_ms));
        let mut most: Vec<i64> = calls.values().copied().collect();
        most.sort_unstable_by_key(|calls| -calls);
        most.truncate(3);
        let named: Vec<i64> = row["common_tools"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|tool| {
                calls
                    .get(tool.as_str().unwrap_or_default())
                    .copied()
                    .unwrap_or(0)
            })
            .collect();
        if named != most {
            return Err(format!(
                "{what}: common_tools {} of {calls:?}",
                row["common_tools"]
            ));
        }
    }
    Ok(())
}

fn performance(daemon: &Daemon, world: &World, days: i64) -> Check {
    let first = day(now_ms() - (days - 1) * DAY_MS);
    let names: BTreeSet<&String> = world
        .ended
        .iter()
        .filter(|one| one.day() >= first)
        .map(|one| &one.name)
        .collect();
    for name in names {
        let told = daemon.read(&format!("/api/agents/performance/{name}?days={days}"))?;
        let within = |one: &Ended| &one.name == name && one.day() >= first;
        let tally = world.tally(within);
        let what = format!("performance of {name}, {days} days");
        same(&what, &told["agent_name"], &name.as_str().into())?;
        equal(&what, &told["total_executions"], tally.executions)?;
        rate(&what, &told["success_rate"], tally.success_rate())?;
        whole(&what, &told["avg_duration_ms"], tally.mean_duration_ms())?;
        durations(&what, &told, &tally)?;
        let usage = &told["token_usage"];
        equal(&what, &usage["total_tokens"], tally.total)?;
        whole(
            &what,
            &usage["avg_tokens"],
            share(tally.total, tally.executions),
        )?;
        dollars(&what, &usage["estimated_cost"], tally.dollars())?;
        let trend = keyed(&told["daily_trend"], "date")?;
        let by_day: BTreeMap<String, Tally> = world
            .by(|one| (within(one), one.day()))
            .into_iter()
            .filter(|(k, _)| k.0)
            .map(|((_, day), tally)| (day, tally))
            .collect();
        only_these(&what, &trend, by_day.keys().cloned().collect())?;
        for (day, row) in trend {
            let what = format!("{what}, {day}");
            let tally = &by_day[&day];
            equal(&what, &row["executions"], tally.executions)?;
            rate(&what, &row["success_rate"], tally.success_rate())?;
            whole(&what, &row["avg_duration_ms"], tally.mean_duration_ms())?;
        }
    }
    Ok(())
}

/// Percentiles within one per cent, the extremes exactly.
fn durations(what: &str, told: &Value, tally: &Tally) -> Check {
    let numbers = &told["performance"];
    let (Some(least), Some(most)) = (tally.durations.first(), tally.durations.last()) else {
        return Ok(());
    };
    equal(&format!("{what} min"), &numbers["min_duration_ms"], *least)?;
    equal(&format!("{what} max"), &numbers["max_duration_ms"], *most)?;
    equal(
        &format!("{what} slowest"),
        &told["slowest"][0]["duration_ms"],
        *most,
    )?;
    for percent in [50, 95, 99] {
        let exact = tally.percentile_ms(percent).unwrap_or(0) as f64;
        let field = format!("p{percent}_duration_ms");
        let tolerance = (exact / 100.0).max(1.0);
        near(
            &format!("{what} {field}"),
            &numbers[&field],
            exact,
            tolerance,
        )?;
    }
    Ok(())
}

fn tools(daemon: &Daemon, world: &World) -> Check {
    let told = daemon.read("/api/agents/tools/usage?period=week")?;
    let (first, today) = (day(now_ms() - 6 * DAY_MS), day(now_ms()));
    same(
        "period",
        &told["period"],
        &format!("{first}/{today}").into(),
    )?;
    let within = |one: &Ended| (&first..=&today).contains(&&one.day());
    let calls = world.tool_calls(within);
    let executions = world.tally(within).executions;
    let all: i64 = calls.values().sum();
    let mut rows = keyed(&told["tools"], "name")?;
    rows.retain(|_, row| row["usage_count"] != 0);
    only_these("tools", &rows, calls.keys().cloned().collect())?;
    for (tool, row) in rows {
        let what = format!("tool {tool}");
        equal(&what, &row["usage_count"], calls[&tool])?;
        rate(&what, &row["percentage"], share(calls[&tool], all))?;
        near(
            &what,
            &row["avg_per_execution"],
            share(calls[&tool], executions),
            0.0051,
        )?;
        let kinds: BTreeSet<String> = world
            .ended
            .iter()
            .filter(|one| within(one) && one.calls.contains_key(&tool))
            .map(|one| one.kind.clone())
            .collect();
        let using = texts(&row["agents_using"])?;
        if using.iter().cloned().collect::<BTreeSet<_>>() != kinds {
            return Err(format!(
                "{what}: agents_using {using:?}, expected {kinds:?}"
            ));
        }
    }
    let insights = &told["insights"];
    let of = |field: &str| calls.get(insights[field].as_str().unwrap_or_default());
    if of("most_used_tool") != calls.values().max() || of("least_used_tool") != calls.values().min()
    {
        return Err(format!("insights {insights} of {calls:?}"));
    }
    let together = world.tool_pairs(within);
    for pair in insights["high_correlation"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let mut pair = texts(pair)?;
        pair.sort_unstable();
        if together.get(&pair.join("|")).is_none_or(|count| *count < 3) {
            return Err(format!("high_correlation names {pair:?}"));
        }
    }
    Ok(())
}

fn daily(daemon: &Daemon, world: &World) -> Check {
    let told = daemon.read("/api/agents/metrics/daily?days=30")?;
    let mut rows = keyed(&told["daily"], "date")?;
    rows.retain(|_, row| row["total_executions"] != 0);
    let first = day(now_ms() - 29 * DAY_MS);
    let mut days = world.by(Ended::day);
    days.retain(|day, _| *day >= first);
    only_these("days", &rows, days.keys().cloned().collect())?;
    for (day, row) in rows {
        let (what, tally) = (format!("day {day}"), &days[&day]);
        equal(&what, &row["total_executions"], tally.executions)?;
        rate(&what, &row["success_rate"], tally.success_rate())?;
        equal(&what, &row["total_tokens"], tally.total)?;
        dollars(&what, &row["total_cost"], tally.dollars())?;
        let here: Vec<&Ended> = world.ended.iter().filter(|one| one.day() == day).collect();
        let kinds: BTreeSet<String> = here.iter().map(|one| one.kind.clone()).collect();
        let told_kinds: BTreeSet<String> = texts(&row["agent_types"])?.into_iter().collect();
        if told_kinds != kinds {
            return Err(format!(
                "{what}: agent_types {told_kinds:?}, expected {kinds:?}"
            ));
        }
        let mut hours: BTreeMap<i64, i64> = BTreeMap::new();
        for one in here {
            let of_day: i64 = hour(one.end_ms)[11..].parse().expect("two digits");
            *hours.entry(of_day).or_default() += 1;
        }
        let peak = row["peak_hour"].as_i64().and_then(|peak| hours.get(&peak));
        if peak != hours.values().max() {
            return Err(format!(
                "{what}: peak_hour {} of {hours:?}",
                row["peak_hour"]
            ));
        }
    }
    Ok(())
}

/// What a report of costs is summed by.
type Key = fn(&Ended) -> String;

fn costs(daemon: &Daemon, world: &World) -> Check {
    let first = day(now_ms() - 29 * DAY_MS);
    let by: [(&str, &str, Key); 4] = [
        ("day", "date", |one| one.day()),
        ("agent", "agent_name", |one| one.name.clone()),
        ("model", "model", |one| {
            one.model.clone().unwrap_or_default()
        }),
        // The model's world has plain events alone.
        ("kind", "kind", |_| "agent".to_owned()),
    ];
    for (by, field, key) in by {
        let told = daemon.read(&format!("/api/agents/costs?by={by}&days=30"))?;
        let mut rows = keyed(&told["costs"], field)?;
        rows.retain(|_, row| row["executions"] != 0);
        let within = world.by(|one| (one.day() >= first, key(one)));
        let want: BTreeMap<String, Tally> = within
            .into_iter()
            .filter(|(k, _)| k.0)
            .map(|((_, key), tally)| (key, tally))
            .collect();
        only_these(
            &format!("costs by {by}"),
            &rows,
            want.keys().cloned().collect(),
        )?;
        for (key, row) in rows {
            let what = format!("costs by {by}, {key}");
            equal(&what, &row["executions"], want[&key].executions)?;
            equal(&what, &row["total_tokens"], want[&key].total)?;
            equal(&what, &row["unpriced_count"], want[&key].unpriced)?;
            dollars(&what, &row["estimated_cost"], want[&key].dollars())?;
        }
    }
    Ok(())
}

/// Single executions; of very many only some, evenly chosen.
fn executions(daemon: &Daemon, world: &World) -> Check {
    for one in world
        .ended
        .iter()
        .step_by(world.ended.len().div_ceil(100).max(1))
    {
        let told = daemon.read(&format!("/api/agents/executions/{}", one.id))?;
        let what = format!("execution {}", one.id);
        same(&what, &told["agent_id"], &one.id.as_str().into())?;
        same(&what, &told["agent_name"], &one.name.as_str().into())?;
        same(&what, &told["agent_type"], &one.kind.as_str().into())?;
        same(&what, &told["status"], &one.status.into())?;
        same(&what, &told["duration_ms"], &one.duration_ms.into())?;
        same(&what, &told["model"], &one.model.clone().into())?;
        let usage = &told["token_usage"];
        let total = one.tokens.as_ref().map_or(0, |tokens| tokens.total);
        equal(
            &what,
            &usage["total_tokens"].as_i64().unwrap_or(0).into(),
            total,
        )?;
        match one.cost_micros {
            None => same(&what, &usage["estimated_cost"], &Value::Null)?,
            Some(micros) => dollars(&what, &usage["estimated_cost"], micros as f64 / 1e6)?,
        }
        let calls: BTreeMap<String, i64> = told["tool_calls"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(tool, calls)| Some((tool.clone(), calls.as_i64()?)))
            .filter(|(_, calls)| *calls != 0)
            .collect();
        if calls != one.calls {
            return Err(format!(
                "{what}: tool_calls {calls:?}, expected {:?}",
                one.calls
            ));
        }
    }
    Ok(())
}
