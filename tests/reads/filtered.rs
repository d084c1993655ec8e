//! Answers of some of the executions: what is computed from `/api/agents/executions` by hand.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::claude_code::script::Script;
use crate::harness::{Daemon, Setup, eventually, folder, now_ms};
use crate::model::{HOUR_MS, rfc3339};

const FILTERS: [&str; 6] = [
    "project=~/p1",
    "branch=b0&host=h1",
    "kind=agent",
    "kind=main",
    "kind=agent&project=~/p0",
    "project=~/nowhere",
];

/// Runs of ten days, of few agents, projects, branches and hosts.
fn stop(n: i64) -> Value {
    let end_ms = now_ms() - 60_000 - n * 4 * HOUR_MS;
    let mut stop = json!({
        "event": "stop", "agent_id": format!("run-{n}"), "agent_name": format!("a{}", n % 2),
        "agent_type": format!("t{}", n % 3), "execution_end": rfc3339(end_ms),
        "duration_ms": 1_000 + n, "status": (if n % 5 == 0 { "failure" } else { "success" }),
        "tool_calls": {"Read": n % 4, (format!("T{}", n % 3)): 1}, "branch": format!("b{}", n % 4),
        "host": format!("h{}", n % 2),
        "token_usage": {"input_tokens": 10 + n, "output_tokens": n, "estimated_cost": 0.25},
    });
    if n % 7 != 0 {
        stop["project"] = format!("~/p{}", n % 3).into();
    }
    stop
}

/// Of one row of an answer what is compared.
type Sums = BTreeMap<String, [i64; 3]>;

fn takes(one: &Value, filter: &str) -> bool {
    let mut wanted = filter
        .split('&')
        .map(|pair| pair.split_once('=').expect("a pair"));
    wanted.all(|(field, value)| one[field] == value)
}

fn tokens(one: &Value) -> i64 {
    one["token_usage"]["total_tokens"].as_i64().unwrap_or(0)
}

fn micros(dollars: &Value) -> i64 {
    (dollars.as_f64().unwrap_or(0.0) * 1e6).round() as i64
}

fn sums<'a>(some: impl Iterator<Item = &'a Value>, key: impl Fn(&Value) -> String) -> Sums {
    let mut sums = Sums::new();
    for one in some {
        let sum = sums.entry(key(one)).or_default();
        let cost = micros(&one["token_usage"]["estimated_cost"]);
        for (sum, count) in sum.iter_mut().zip([1, tokens(one), cost]) {
            *sum += count;
        }
    }
    sums
}

fn told(rows: &Value, key: impl Fn(&Value) -> String, fields: [&str; 3]) -> Sums {
    let rows = rows.as_array().expect("a list").iter();
    let figure = |row: &Value, field: &str| match field.ends_with("cost") {
        true => micros(&row[field]),
        false => row[field].as_i64().unwrap_or(0),
    };
    let row = |row: &Value| (key(row), fields.map(|field| figure(row, field)));
    rows.map(row).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("none").to_owned()
}

fn compare(daemon: &Daemon, all: &[Value], filter: &str) -> Result<(), String> {
    let read = |path: &str| {
        let mark = if path.contains('?') { '&' } else { '?' };
        daemon.read(&format!("/api/agents/{path}{mark}{filter}"))
    };
    let some: Vec<&Value> = all.iter().filter(|one| takes(one, filter)).collect();
    let equal = |what: &str, found: &dyn std::fmt::Debug, wanted: &dyn std::fmt::Debug| {
        let (found, wanted) = (format!("{found:?}"), format!("{wanted:?}"));
        match found == wanted {
            true => Ok(()),
            false => Err(format!("{what}, {filter}: {found} and not {wanted}")),
        }
    };
    let each = || some.iter().copied();
    let day = |one: &Value| text(&one["execution_end"])[..10].to_owned();
    let hour = |one: &Value| text(&one["execution_end"])[..13].to_owned();

    let listed = read("executions?limit=500")?;
    equal("executions", &listed["executions"], &json!(some))?;
    let fields = ["executions", "total_tokens", "estimated_cost"];
    for (by, field) in [
        ("agent", "agent_name"),
        ("project", "project"),
        ("kind", "kind"),
    ] {
        let costs = read(&format!("costs?by={by}&days=30"))?;
        let found = told(&costs["costs"], |row| text(&row[field]), fields);
        equal(by, &found, &sums(each(), |one| text(&one[field])))?;
    }
    let costs = read("costs?days=30")?;
    let found = told(&costs["costs"], |row| text(&row["date"]), fields);
    equal("days", &found, &sums(each(), day))?;
    let daily = read("metrics/daily?days=30")?;
    let fields = ["total_executions", "total_tokens", "total_cost"];
    let found = told(&daily["daily"], |row| text(&row["date"]), fields);
    equal("daily", &found, &sums(each(), day))?;

    // The hours of the last six days, as both ask for them.
    let oldest = rfc3339(now_ms() / HOUR_MS * HOUR_MS - 143 * HOUR_MS);
    let late = || each().filter(|one| text(&one["execution_end"]) >= oldest);
    let timeline = read("metrics/timeline?hours=144")?;
    let mut found = told(&timeline["timeline"], hour_of, ["executions", "", ""]);
    found.retain(|_, sum| sum[0] > 0);
    let counts = |sums: Sums| -> Vec<(String, i64)> {
        sums.into_iter().map(|(key, sum)| (key, sum[0])).collect()
    };
    equal("timeline", &counts(found), &counts(sums(late(), hour)))?;
    let types = read("types/distribution?hours=144")?;
    let found = told(
        &types["distribution"],
        |row| text(&row["type"]),
        ["count", "", ""],
    );
    let wanted = sums(late(), |one| text(&one["agent_type"]));
    equal("types", &counts(found), &counts(wanted))?;

    let usage = read("tools/usage?period=month")?;
    let found = told(
        &usage["tools"],
        |row| text(&row["name"]),
        ["usage_count", "", ""],
    );
    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    for (tool, calls) in each().flat_map(|one| one["tool_calls"].as_object().expect("calls")) {
        *wanted.entry(tool.clone()).or_default() += calls.as_i64().expect("a count");
    }
    let called = |counts: Vec<(String, i64)>| -> Vec<(String, i64)> {
        counts.into_iter().filter(|(_, calls)| *calls > 0).collect()
    };
    let wanted = wanted.into_iter().collect();
    equal("tools", &called(counts(found)), &called(wanted))?;

    let of_agent = || each().filter(|one| one["agent_name"] == "a1");
    let shown = read("performance/a1?days=30")?;
    let mut durations: Vec<i64> = of_agent()
        .filter_map(|one| one["duration_ms"].as_i64())
        .collect();
    durations.sort_unstable();
    equal(
        "runs",
        &shown["total_executions"],
        &json!(of_agent().count()),
    )?;
    let ends = [
        &shown["performance"]["min_duration_ms"],
        &shown["performance"]["max_duration_ms"],
    ];
    equal(
        "ends",
        &ends,
        &[&json!(durations.first()), &json!(durations.last())],
    )?;
    let slowest = shown["slowest"].as_array().expect("a list").iter();
    let slowest: Vec<i64> = slowest
        .filter_map(|one| one["duration_ms"].as_i64())
        .collect();
    let wanted: Vec<i64> = durations.into_iter().rev().take(10).collect();
    equal("slowest", &slowest, &wanted)?;
    let errors = read("errors/a1")?;
    let errors = errors["errors"].as_array().expect("a list").iter();
    let errors: Vec<&Value> = errors.map(|one| &one["agent_id"]).collect();
    let failed = of_agent().filter(|one| one["status"] == "failure");
    let failed: Vec<&Value> = failed.map(|one| &one["agent_id"]).collect();
    equal("errors", &errors, &failed)?;

    for (query, width) in [
        ("resolution=1m", 16),
        ("hours=168&resolution=1h", 13),
        ("hours=168&resolution=1d", 10),
    ] {
        let timeline = read(&format!("metrics/timeline?{query}"))?;
        let key = |time: &Value| text(time)[..width].to_owned();
        let points = timeline["timeline"].as_array().expect("a list");
        let oldest = key(&points[0]["timestamp"]);
        let mut found = told(
            &timeline["timeline"],
            |point| key(&point["timestamp"]),
            ["executions", "", ""],
        );
        found.retain(|_, sum| sum[0] > 0);
        let wanted = sums(each(), |one| key(&one["execution_end"]));
        let wanted = wanted.into_iter().filter(|(moment, _)| *moment >= oldest);
        equal(query, &counts(found), &counts(wanted.collect()))?;
    }
    let top = read("top?by=tokens")?;
    let fields = ["executions", "total_tokens", "estimated_cost"];
    let found = told(&top["top"], |row| text(&row["agent_name"]), fields);
    let mut wanted = sums(each(), |one| text(&one["agent_name"]));
    wanted.retain(|_, [executions, tokens, _]| *executions >= 5 && *tokens > 0);
    equal("top", &found, &wanted)?;

    let week = rfc3339(now_ms() / HOUR_MS * HOUR_MS - 167 * HOUR_MS);
    let of_week = || each().filter(|one| text(&one["execution_end"]) >= week);
    let failures = read("errors?hours=168")?;
    let failed = of_week().filter(|one| one["status"] == "failure");
    equal("failures", &failures["failures"], &json!(failed.count()))?;
    let current = read("metrics/current?timeRange=7d")?;
    equal(
        "current",
        &current["executions_today"],
        &json!(of_week().count()),
    )?;
    equal(
        "tokens",
        &current["tokens_used_today"],
        &json!(of_week().map(tokens).sum::<i64>()),
    )
}

fn hour_of(point: &Value) -> String {
    text(&point["timestamp"])[..13].to_owned()
}

#[test]
fn answers_of_some_are_what_these_executions_add_up_to() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = Setup::new()
        .set("transcript.roots", &format!("[{roots:?}]"))
        .start();
    daemon.send(&(0..60).map(stop).collect::<Vec<_>>());
    let mut script = Script::at(&roots, "x", now_ms() - 120_000);
    script.main(0.0, "UserPromptSubmit", json!({"prompt_id": "p-1"}));
    script.main(9.0, "Stop", json!({"prompt_id": "p-1"}));
    daemon.send(&script.lines);
    daemon.send(&[
        json!({"event": "start", "agent_id": "r-0", "agent_name": "a0", "project": "~/p1"}),
        json!({"event": "start", "agent_id": "r-1", "agent_name": "a1", "branch": "b0",
            "host": "h1"}),
    ]);
    let all = eventually("all are in the history", || {
        let all = daemon.read("/api/agents/executions?limit=500")?;
        let all = all["executions"].as_array().ok_or("no list")?.clone();
        match all.len() == 61 && all.iter().any(|one| one["kind"] == "main") {
            true => Ok(all),
            false => Err(format!("{} executions", all.len())),
        }
    });
    for filter in FILTERS {
        eventually(filter, || compare(&daemon, &all, filter));
        let active = daemon
            .read(&format!("/api/agents/active?{filter}"))
            .expect("a list");
        let ids = active["active"].as_array().expect("a list").iter();
        let ids: Vec<String> = ids.map(|one| text(&one["agent_id"])).collect();
        let expected: &[&str] = match filter {
            "project=~/p1" => &["r-0"],
            "branch=b0&host=h1" => &["r-1"],
            "kind=agent" => &["r-0", "r-1"],
            _ => &[],
        };
        assert_eq!(ids, expected, "{filter}");
        let current = daemon.read(&format!("/api/agents/metrics/current?{filter}"));
        assert_eq!(
            current.expect("figures")["active_agents"],
            expected.len(),
            "{filter}"
        );
    }
    // What is asked of all is not touched by it.
    let costs = daemon
        .read("/api/agents/costs?by=day&days=30")
        .expect("costs");
    let all_days = costs["costs"].as_array().expect("a list");
    let counts = all_days.iter().filter_map(|row| row["executions"].as_i64());
    assert_eq!(counts.sum::<i64>(), 61);
    // Days that are over have rollups of their own, which are made when a daemon starts.
    daemon.restart();
    eventually("all days but today have facets", || {
        let history = Connection::open(daemon.data.join("history.db"));
        let history = history.map_err(|error| error.to_string())?;
        let count = "SELECT count(*) FROM faceted_days WHERE after_ms IS NULL";
        let days = history.query_row(count, [], |row| row.get::<_, i64>(0));
        let expected = all_days.len() as i64 - 1;
        match days.map_err(|error| error.to_string())? {
            days if days == expected => Ok(()),
            days => Err(format!("{days} of {expected}")),
        }
    });
    for filter in FILTERS {
        eventually(filter, || compare(&daemon, &all, filter));
    }
}

#[test]
fn a_filter_that_is_none_is_400_with_its_name() {
    let daemon = Setup::new().start();
    for path in [
        "metrics/current",
        "metrics/timeline",
        "executions",
        "active",
        "costs",
    ] {
        for (query, words) in [
            (
                "kind=robot",
                "kind must be one of main, agent, workflow, teammate",
            ),
            ("project=", "project must be 1..=256 bytes"),
            ("branch=", "branch must be 1..=256 bytes"),
            ("host=", "host must be 1..=256 bytes"),
        ] {
            let answer = daemon.get(&format!("/api/agents/{path}?{query}"));
            assert_eq!(answer.status, 400, "{path}?{query}");
            assert!(answer.text().contains(words), "{}", answer.text());
        }
    }
}
