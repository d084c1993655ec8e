//! Days of a time zone: every view counts by them, and a change of the zone moves what is counted,
//! whatever is killed meanwhile. The model knows the offset of each zone by heart: none of these
//! sets its clocks.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::wire::{RedisLink, Reply};
use crate::harness::{Daemon, Run, Setup, eventually, log_path, now_ms};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Ahead of UTC by five hours and a half.
const KOLKATA: (&str, i64) = ("Asia/Kolkata", 330 * MINUTE_MS);
/// Behind it by ten.
const HONOLULU: (&str, i64) = ("Pacific/Honolulu", -600 * MINUTE_MS);
const UTC: (&str, i64) = ("UTC", 0);

/// An end, and the tokens that it had.
#[derive(Clone, Copy)]
struct End {
    at_ms: i64,
    tokens: i64,
}

/// Around the midnights of the zones above, and in between; of the last days, and over by now.
fn ends(now_ms: i64) -> Vec<End> {
    let today_ms = now_ms.div_euclid(DAY_MS) * DAY_MS;
    let mut at = Vec::new();
    for day in 0..5 {
        for (_, offset_ms) in [UTC, KOLKATA, HONOLULU] {
            let midnight_ms = today_ms - day * DAY_MS - offset_ms;
            at.extend([
                midnight_ms - 1_000,
                midnight_ms,
                midnight_ms + 20 * MINUTE_MS,
            ]);
        }
        at.push(today_ms - day * DAY_MS - 3 * HOUR_MS);
    }
    at.retain(|&at_ms| at_ms < now_ms);
    let tokens = (1..).map(|n| n * 10);
    at.into_iter()
        .zip(tokens)
        .map(|(at_ms, tokens)| End { at_ms, tokens })
        .collect()
}

fn lines(prefix: &str, ends: &[End]) -> Vec<Value> {
    let stop = |(n, end): (usize, &End)| {
        let usage = json!({"input_tokens": end.tokens, "output_tokens": 0});
        let run = Run::new(format!("{prefix}-{n}"))
            .ended(end.at_ms)
            .took(1_000);
        run.with("token_usage", usage).stop()
    };
    ends.iter().enumerate().map(stop).collect()
}

fn date(at_ms: i64, offset_ms: i64) -> String {
    let clock = jiff::Timestamp::from_millisecond(at_ms + offset_ms).expect("a time of today");
    clock.strftime("%Y-%m-%d").to_string()
}

/// What clocks show, 0 to 23.
fn clock_hour(at_ms: i64, offset_ms: i64) -> i64 {
    (at_ms + offset_ms).rem_euclid(DAY_MS) / HOUR_MS
}

/// Executions, tokens, and the hour with most executions; by date.
fn expected(ends: &[End], offset_ms: i64) -> BTreeMap<String, (i64, i64, i64)> {
    let mut days: BTreeMap<String, Vec<&End>> = BTreeMap::new();
    for end in ends {
        days.entry(date(end.at_ms, offset_ms))
            .or_default()
            .push(end);
    }
    let sum = |(day, ends): (String, Vec<&End>)| {
        let mut hours: BTreeMap<i64, i64> = BTreeMap::new();
        for end in &ends {
            *hours.entry(clock_hour(end.at_ms, offset_ms)).or_default() += 1;
        }
        let most = hours.values().max().copied().unwrap_or(0);
        let peak = hours.iter().find(|&(_, &count)| count == most);
        let peak = peak.map_or(-1, |(&hour, _)| hour);
        let tokens = ends.iter().map(|end| end.tokens).sum();
        (day, (ends.len() as i64, tokens, peak))
    };
    days.into_iter().map(sum).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{what}: {found:?} and not {wanted:?}")),
    }
}

/// Every view of the days agrees with the model.
fn days_are(daemon: &Daemon, ends: &[End], (name, offset_ms): (&str, i64)) -> Result<(), String> {
    let wanted = expected(ends, offset_ms);
    let today = date(now_ms(), offset_ms);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_i64().unwrap_or(-1);

    let costs = daemon.read("/api/agents/costs?by=day&days=30")?;
    let rows = costs["costs"].as_array().ok_or("no rows")?.iter();
    let sums = |row: &Value| (number(&row["executions"]), number(&row["total_tokens"]));
    let found: BTreeMap<_, _> = rows.map(|row| (text(&row["date"]), sums(row))).collect();
    let two =
        |(day, (count, tokens, _)): (&String, &(i64, i64, i64))| (day.clone(), (*count, *tokens));
    let wanted_sums: BTreeMap<_, _> = wanted.iter().map(two).collect();
    same("costs", &found, &wanted_sums)?;
    same("costs", text(&costs["time_zone"]), name.to_owned())?;
    same("costs", &costs["time_zone_since"], &Value::Null)?;

    for days in [7, 30] {
        let daily = daemon.read(&format!("/api/agents/metrics/daily?days={days}"))?;
        let rows = daily["daily"].as_array().ok_or("no rows")?.iter();
        let row = |row: &Value| {
            let executions = number(&row["total_executions"]);
            let peak = number(&row["peak_hour"]);
            (
                text(&row["date"]),
                (executions, number(&row["total_tokens"]), peak),
            )
        };
        same("daily", &rows.map(row).collect(), &wanted)?;
        same("daily", text(&daily["today"]), today.clone())?;
    }

    let current = daemon.read("/api/agents/metrics/current")?;
    same("current", text(&current["date"]), today.clone())?;
    let of_today = wanted.get(&today).copied().unwrap_or_default();
    let found = (
        number(&current["executions_today"]),
        number(&current["tokens_used_today"]),
    );
    same("current", found, (of_today.0, of_today.1))?;

    let trend = daemon.read("/api/agents/performance/zorp?days=7")?;
    let rows = trend["daily_trend"].as_array().ok_or("no rows")?.iter();
    let found: BTreeMap<_, _> = rows
        .map(|row| (text(&row["date"]), number(&row["executions"])))
        .collect();
    let counts: BTreeMap<_, _> = wanted
        .iter()
        .map(|(day, sums)| (day.clone(), sums.0))
        .collect();
    same("performance", &found, &counts)?;

    // It may be on its way back, and say so.
    let mut found = BTreeMap::new();
    let reason = |error: io::Error| format!("Redis: {error}");
    let mut redis = RedisLink::connect(&daemon.redis_socket()).map_err(reason)?;
    let names = redis.run(&["KEYS", "metrics:daily:*"]).map_err(reason)?;
    if !matches!(names, Reply::List(_)) {
        return Err(format!("Redis: {names:?}"));
    }
    for name in names.texts() {
        let count = redis.run(&["HGET", &name, "execution_count"]);
        let count = count.map_err(reason)?.text();
        let day = name.trim_start_matches("metrics:daily:").to_owned();
        found.insert(day, count.parse().unwrap_or(-1));
    }
    same("Redis", &found, &counts)
}

fn in_zone(setup: Setup, zone: &str) -> Setup {
    setup.set("time.zone", &format!("\"{zone}\""))
}

#[test]
fn a_change_of_the_zone_moves_all_days_whatever_is_killed() {
    let begun_ms = now_ms();
    let (first, later) = (ends(begun_ms), ends(begun_ms - HOUR_MS));
    let mut daemon = Setup::new().start();
    daemon.accept(&lines("first", &first));
    eventually("days of UTC", || days_are(&daemon, &first, UTC));

    // Killed with what only the journal has.
    daemon.accept(&lines("later", &later));
    daemon.kill9();
    let all = [first, later].concat();
    daemon.setup = in_zone(daemon.setup.clone(), KOLKATA.0);
    if cfg!(debug_assertions) {
        for place in ["zone.forgotten", "zone.page", "zone.moved", "zone.settled"] {
            daemon.setup = daemon.setup.clone().crash_at(place);
            daemon.respawn();
            let signal = daemon.wait_end().signal();
            assert_eq!(signal, Some(Signal::ABORT.as_raw()), "{place}");
        }
        daemon.setup = daemon.setup.clone().without_crash();
    }
    daemon.restart();
    eventually("days of Kolkata", || days_are(&daemon, &all, KOLKATA));

    // A rebuild equals what was applied, and a restart changes nothing.
    let rebuilt = daemon.command(&["rebuild"]);
    assert!(rebuilt.status.success());
    eventually("rebuilt", || days_are(&daemon, &all, KOLKATA));
    let more = ends(begun_ms - 2 * HOUR_MS);
    daemon.accept(&lines("more", &more));
    let all = [all, more].concat();
    eventually("it goes on", || days_are(&daemon, &all, KOLKATA));
    daemon.restart();
    eventually("after a restart", || days_are(&daemon, &all, KOLKATA));

    daemon.setup = in_zone(daemon.setup.clone(), HONOLULU.0);
    daemon.restart();
    eventually("days of Honolulu", || days_are(&daemon, &all, HONOLULU));
    daemon.kill_redis();
    eventually("filled again", || days_are(&daemon, &all, HONOLULU));
}

#[test]
fn today_begins_at_midnight_of_the_zone() {
    // Where the last hour began with a midnight; the names of these zones count to the west.
    let begun_ms = now_ms();
    let hour = begun_ms.rem_euclid(DAY_MS) / HOUR_MS;
    let (name, offset) = match hour {
        0 => ("UTC".to_owned(), 0),
        1..=12 => (format!("Etc/GMT+{hour}"), -hour),
        _ => (format!("Etc/GMT-{}", 24 - hour), 24 - hour),
    };
    let midnight_ms = begun_ms.div_euclid(HOUR_MS) * HOUR_MS;
    let daemon = in_zone(Setup::new(), &name).start();
    let end = |at_ms, tokens| End { at_ms, tokens };
    let ends = [end(midnight_ms - 1, 10), end(midnight_ms, 200)];
    daemon.accept(&lines("x", &ends));
    let zone = (name.as_str(), offset * HOUR_MS);
    eventually("today", || {
        days_are(&daemon, &ends, zone)?;
        let current = daemon.read("/api/agents/metrics/current")?;
        let found = (&current["executions_today"], &current["tokens_used_today"]);
        same("today", found, (&json!(1), &json!(200)))
    });
}

/// The system's zone, as a service manager would set it.
fn in_system(setup: Setup, zone: &str) -> Setup {
    setup.set("time.zone", "\"\"").environment("TZ", zone)
}

#[test]
fn a_new_folder_takes_the_zone_of_the_system_and_keeps_it() {
    let mut daemon = in_system(Setup::new(), KOLKATA.0).start();
    let ends = ends(now_ms());
    daemon.accept(&lines("x", &ends));
    eventually("the system's days", || days_are(&daemon, &ends, KOLKATA));
    daemon.setup = in_system(Setup::new(), HONOLULU.0);
    daemon.restart();
    eventually("kept", || days_are(&daemon, &ends, KOLKATA));
    let log = fs::read_to_string(log_path(&daemon.data)).expect("the log");
    assert!(
        log.contains("the system is in another time zone than the days"),
        "{log}"
    );
    daemon.setup = in_zone(Setup::new(), HONOLULU.0);
    daemon.restart();
    eventually("named", || days_are(&daemon, &ends, HONOLULU));
}

#[test]
fn a_zone_that_is_none_is_refused_by_name() {
    let exit = in_zone(Setup::new(), "Europe/Atlantis").run_to_exit_anywhere();
    assert_eq!(exit.code, Some(78), "{}", exit.log);
    assert!(
        exit.log
            .contains("time.zone must be empty, local, UTC, or a zone by its name")
    );
}
