//! More names than there is room for: the first ones keep their own keys, the rest share `_other`
//! in Redis, and history knows all of them. A restart or a rebuild does not choose again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::{Daemon, Redis, Run, Setup, eventually, now_ms};
use crate::model::{day, rfc3339};

const NAMES: usize = 60;
const ROOM: usize = 20;

fn stops(range: std::ops::Range<usize>, end_ms: i64) -> Vec<Value> {
    let stop = |n: usize| {
        Run::new(format!("e{n}"))
            .agent(format!("agent-{n:02}"))
            .of_type(format!("type-{}", n % 6))
            .ended(end_ms)
            .took(100 + n)
            .called(json!({(format!("Tool{}", n % 10)): 1}))
            .stop()
    };
    range.map(stop).collect()
}

/// Executions by the last part of a family's keys.
fn counts(daemon: &Daemon, family: &str) -> BTreeMap<String, i64> {
    let keys = daemon.redis(&["KEYS", &format!("{family}*")]).texts();
    let count = |key: &String| daemon.redis(&["HGET", key, "execution_count"]).text();
    keys.iter()
        .map(|key| {
            let name = key.rsplit(':').next().expect("a last part").to_owned();
            (name, count(key).parse().expect("a whole number"))
        })
        .collect()
}

/// The names with keys of their own; `_other` holds the rest.
fn admitted(
    daemon: &Daemon,
    family: &str,
    room: usize,
    all: i64,
) -> Result<BTreeSet<String>, String> {
    let counts = counts(daemon, family);
    let sum: i64 = counts.values().sum();
    let own: BTreeSet<String> = counts
        .keys()
        .filter(|name| *name != "_other")
        .cloned()
        .collect();
    if sum == all && own.len() == room && counts.contains_key("_other") {
        Ok(own)
    } else {
        Err(format!("{family}: {counts:?}"))
    }
}

#[test]
fn names_beyond_the_limit_share_one_key_and_the_choice_outlives_restart_and_rebuild() {
    let setup = Setup::new()
        .set("limits.agent_names", &ROOM.to_string())
        .set("limits.agent_types", "3")
        .set("limits.tools", "5");
    let mut daemon = setup.start();
    let end_ms = now_ms() - 1000;
    let today = day(end_ms);
    daemon.accept(&stops(0..NAMES, end_ms));
    let names = format!("agent:daily:{today}:");
    let hours = format!("metrics:hourly:{today}");
    let own = eventually("agents are capped", || {
        admitted(&daemon, &names, ROOM, NAMES as i64)
    });
    let kinds = eventually("types are capped", || {
        admitted(&daemon, &hours, 3, NAMES as i64)
    });
    let tools = |daemon: &Daemon| -> BTreeMap<String, String> {
        let command = [
            "ZRANGE",
            &format!("tools:usage:{today}"),
            "0",
            "-1",
            "WITHSCORES",
        ];
        daemon.redis(&command).pairs().into_iter().collect()
    };
    let of_tools = tools(&daemon);
    assert_eq!(
        (of_tools.len(), of_tools["_other"].as_str()),
        (6, "30"),
        "{of_tools:?}"
    );

    let disturbances: [fn(&mut Daemon); 3] = [
        |daemon| {
            let rebuilt = daemon.command(&["rebuild"]);
            assert!(
                rebuilt.status.success(),
                "{}",
                String::from_utf8_lossy(&rebuilt.stderr)
            );
        },
        |daemon| {
            daemon.kill9();
            daemon.restart();
        },
        |daemon| drop(daemon.redis(&["FLUSHALL"])),
    ];
    for (round, disturb) in disturbances.into_iter().enumerate() {
        disturb(&mut daemon);
        // The same names once more, in the opposite order: to come first now admits nobody.
        let first = NAMES * (round + 1);
        let mut again = stops(0..NAMES, end_ms);
        for (n, line) in again.iter_mut().enumerate() {
            line["agent_id"] = json!(format!("e{}", first + n));
        }
        again.reverse();
        daemon.accept(&again);
        let all = (first + NAMES) as i64;
        let now = eventually("agents are capped", || admitted(&daemon, &names, ROOM, all));
        assert_eq!(now, own, "round {round}");
        let now = eventually("types are capped", || admitted(&daemon, &hours, 3, all));
        assert_eq!(now, kinds, "round {round}");
        assert_eq!(
            tools(&daemon).into_keys().collect::<Vec<_>>(),
            of_tools.keys().cloned().collect::<Vec<_>>(),
            "round {round}"
        );
    }
    eventually("history knows every name", || {
        let told = daemon.read("/api/agents/costs?by=agent&days=2")?;
        let rows = told["costs"].as_array().ok_or("no list")?;
        let each = rows.iter().all(|row| row["executions"] == 4);
        if rows.len() == NAMES && each {
            Ok(())
        } else {
            Err(told.to_string())
        }
    });
    let refused = (0..NAMES)
        .map(|n| format!("agent-{n:02}"))
        .find(|name| !own.contains(name));
    let refused = refused.expect("forty of them");
    let told = daemon.read(&format!("/api/agents/performance/{refused}?days=30"));
    assert_eq!(told.expect("known to history")["total_executions"], 4);
}

/// With two tracked names each for agents and types; a name `_other` is none of them.
fn with_others(end_ms: i64) -> Vec<Value> {
    let runs = [
        ("a", "x", 10, "success"),
        ("b", "y", 20, "success"),
        ("_other", "_other", 30, "failure"),
        ("c", "z", 40, "success"),
        ("c", "_other", 50, "success"),
        ("d", "x", 60, "success"),
        ("d", "x", 70, "success"),
        ("d", "_other", 80, "success"),
    ];
    let stop = |(n, (agent, kind, ms, status)): (usize, (&str, &str, i64, &str))| {
        json!({"event":"stop","agent_id":format!("e{n}"),"agent_name":agent,"agent_type":kind,
            "execution_end":rfc3339(end_ms),"duration_ms":ms,"status":status})
    };
    runs.into_iter().enumerate().map(stop).collect()
}

fn others(daemon: &Daemon, source: &str) -> Result<(), String> {
    let told = daemon.read("/api/agents/types/distribution")?;
    let shares = told["distribution"].as_array().ok_or("no list")?;
    let mut counts: Vec<(&str, i64)> = shares
        .iter()
        .map(|share| {
            let name = share["type"].as_str().unwrap_or_default();
            (name, share["count"].as_i64().unwrap_or_default())
        })
        .collect();
    counts.sort_unstable();
    if counts != [("_other", 4), ("x", 3), ("y", 1)] {
        return Err(told.to_string());
    }
    let told = daemon.read("/api/agents/metrics/timeline?hours=24")?;
    let hours = told["timeline"].as_array().ok_or("no list")?;
    let sum: i64 = hours
        .iter()
        .filter_map(|hour| hour["executions"].as_i64())
        .sum();
    if sum != 8 {
        return Err(told.to_string());
    }
    let told = daemon.read("/api/agents/performance/_other?days=7")?;
    let ends = &told["performance"];
    let of_six = told["total_executions"] == 6
        && told["avg_duration_ms"] == 55
        && told["success_rate"] == 0.8333
        && (&ends["min_duration_ms"], &ends["max_duration_ms"]) == (&json!(30), &json!(80))
        && told["daily_trend"].as_array().map(Vec::len) == Some(1);
    let slowest = told["slowest"].as_array().ok_or("no list")?;
    let ids: Vec<&str> = slowest
        .iter()
        .filter_map(|slow| slow["agent_id"].as_str())
        .collect();
    if !of_six || ids != ["e7", "e6", "e5", "e4", "e3", "e2"] {
        return Err(told.to_string());
    }
    let told = daemon.read("/api/agents/errors/_other")?;
    let failed = told["errors"].as_array().ok_or("no list")?;
    if failed.len() != 1 || failed[0]["agent_id"] != "e2" {
        return Err(told.to_string());
    }
    let answer = daemon.get("/api/agents/performance/_other?days=7");
    let view = answer.header("x-agentpulse-source");
    (view == Some(source))
        .then_some(())
        .ok_or(format!("{view:?}"))
}

#[test]
fn all_without_a_place_is_other_once_and_in_both_views() {
    let mut redis = Redis::start();
    let daemon = Setup::new()
        .redis(&redis)
        .set("limits.agent_names", "2")
        .set("limits.agent_types", "2")
        .start();
    daemon.accept(&with_others(now_ms() - 1000));
    eventually("live says what there is", || others(&daemon, "live"));
    redis.kill();
    eventually("history says the same", || others(&daemon, "history"));
}
