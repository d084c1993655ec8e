//! The numbers of agents that hooks reported: one by hand, and all of them against each other.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::check::compare::{Check, near};
use crate::claude_code::script::{Script, in_any_order};
use crate::harness::{Daemon, eventually, folder};

/// Executions of the answers, summed by a name that each has.
#[derive(Debug, Default, PartialEq)]
struct Sum {
    executions: i64,
    tokens: i64,
    micros: i64,
}

fn micros(dollars: &Value) -> i64 {
    (dollars.as_f64().unwrap_or(0.0) * 1e6).round() as i64
}

fn executions(daemon: &Daemon) -> Result<Vec<Value>, String> {
    let told = daemon.read("/api/agents/executions?limit=500")?;
    assert_eq!(told["next_cursor"], Value::Null, "one page holds all");
    Ok(told["executions"].as_array().ok_or("no list")?.clone())
}

/// Every sum that the daemon shows is the sum over its executions.
#[track_caller]
pub fn agree(daemon: &Daemon) {
    eventually("the sums are those of the executions", || {
        let all = executions(daemon)?;
        for (by, field) in [
            ("model", "model"),
            ("agent", "agent_name"),
            ("session", "session_id"),
            ("kind", "kind"),
            ("project", "project"),
            ("branch", "branch"),
            ("host", "host"),
        ] {
            costs(daemon, &all, by, field)?;
        }
        tools(daemon, &all)?;
        current(daemon, &all)
    });
}

fn costs(daemon: &Daemon, all: &[Value], by: &str, field: &str) -> Check {
    let told = daemon.read(&format!("/api/agents/costs?by={by}&days=7"))?;
    let mut found: BTreeMap<String, Sum> = BTreeMap::new();
    for row in told["costs"].as_array().ok_or("no list")? {
        let sum = found.entry(row[field].to_string()).or_default();
        sum.executions += row["executions"].as_i64().ok_or("no count")?;
        sum.tokens += row["total_tokens"].as_i64().ok_or("no tokens")?;
        sum.micros += micros(&row["estimated_cost"]);
    }
    let mut expected: BTreeMap<String, Sum> = BTreeMap::new();
    for one in all {
        let sum = expected.entry(one[field].to_string()).or_default();
        sum.executions += 1;
        sum.tokens += one["token_usage"]["total_tokens"].as_i64().unwrap_or(0);
        sum.micros += micros(&one["token_usage"]["estimated_cost"]);
    }
    match found == expected {
        true => Ok(()),
        false => Err(format!("by {by}: {found:?} and not {expected:?}")),
    }
}

fn tools(daemon: &Daemon, all: &[Value]) -> Check {
    let told = daemon.read("/api/agents/tools/usage?period=week")?;
    let mut found: BTreeMap<String, i64> = BTreeMap::new();
    for row in told["tools"].as_array().ok_or("no list")? {
        let calls = row["usage_count"].as_i64().ok_or("no count")?;
        found.insert(row["name"].as_str().ok_or("no name")?.to_owned(), calls);
    }
    let mut expected: BTreeMap<String, i64> = BTreeMap::new();
    for (tool, calls) in all
        .iter()
        .flat_map(|one| one["tool_calls"].as_object())
        .flatten()
    {
        *expected.entry(tool.clone()).or_default() += calls.as_i64().ok_or("no count")?;
    }
    match found == expected {
        true => Ok(()),
        false => Err(format!("tools: {found:?} and not {expected:?}")),
    }
}

/// Of the last day, so that midnight is no matter.
fn current(daemon: &Daemon, all: &[Value]) -> Check {
    let told = daemon.read("/api/agents/metrics/current?timeRange=24h")?;
    let of = |one: &Value, field: &str| one["token_usage"][field].as_f64().unwrap_or(0.0);
    let sum = |field| all.iter().map(|one| of(one, field)).sum::<f64>();
    near(
        "executions",
        &told["executions_today"],
        all.len() as f64,
        0.0,
    )?;
    near(
        "tokens",
        &told["tokens_used_today"],
        sum("total_tokens"),
        0.0,
    )?;
    near(
        "cost",
        &told["estimated_cost_today"],
        sum("estimated_cost"),
        1e-7,
    )
}

/// claude-haiku-4-5 costs, in dollars per million tokens: input 1, output 5, cache read 0.10, cache
/// write of five minutes 1.25, of an hour 2. So the first turn costs, in millionths of a dollar,
///
/// ```text
/// 1,000 × 1 + 200 × 5 + 30,000 × 0.10 + 4,000 × 1.25 + 500 × 2 = 11,000
/// ```
///
/// and the second 7 × 1 + 1 × 5 + 5 × 0.10 = 12.5, which is 13, rounded once.
#[test]
fn the_cost_of_a_turn_equals_the_one_computed_by_hand() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = crate::claude_code::captured::start(&roots);
    let write = |script: &mut Script| {
        script.launched(None, "a", 0.1);
        script.start("a", 0.0);
        script.stop("a", 10.0);
        script.start("a", 20.0);
        script.stop("a", 30.0);
        let answer = |at_s, tokens, tools: &[(&str, &str)]| script.answer("a", at_s, tokens, tools);
        // A message of two blocks is two lines that state the same usage; an early line may state
        // less.
        let part = answer(
            1.0,
            [600, 20, 10_000, 4_000, 500],
            &[("t1", "Read"), ("t2", "Bash")],
        );
        let mut early = part.clone();
        early["message"]["usage"]["output_tokens"] = 1.into();
        let lines = [
            script.prompt("a", 0.0),
            early,
            part.clone(),
            part,
            script.result("a", 2.0, "t2", true),
            answer(9.0, [400, 180, 20_000, 0, 0], &[]),
            script.prompt("a", 20.0),
            answer(29.0, [7, 1, 5, 0, 0], &[]),
        ];
        script.write("a", &lines);
    };
    let usage = |requests, [input, output, read, write_5m, write_1h]: [u64; 5]| {
        let mut usage = json!({"requests": requests, "input_tokens": input,
            "output_tokens": output, "cache_read_tokens": read,
            "cache_write_5m_tokens": write_5m, "cache_write_1h_tokens": write_1h});
        usage
            .as_object_mut()
            .expect("an object")
            .retain(|_, count| *count != 0);
        json!({crate::claude_code::script::HAIKU: usage})
    };
    let expected = json!({
        "a": {
            "tool_calls": {"Bash": 1, "Read": 1}, "tool_errors": 1,
            "usage_by_model": usage(2, [1_000, 200, 30_000, 4_000, 500]),
            "token_usage": {"input_tokens": 1_000, "output_tokens": 200,
                "cache_read_tokens": 30_000, "cache_write_tokens": 4_500, "total_tokens": 1_200,
                "estimated_cost": 0.011},
        },
        "a#2": {
            "tool_calls": {}, "tool_errors": 0,
            "usage_by_model": usage(1, [7, 1, 5, 0, 0]),
            "token_usage": {"input_tokens": 7, "output_tokens": 1, "cache_read_tokens": 5,
                "cache_write_tokens": 0, "total_tokens": 8, "estimated_cost": 0.000_013},
        },
    });
    in_any_order(&mut daemon, &roots, write, &expected);
    agree(&daemon);
    assert!(daemon.command(&["rebuild"]).status.success());
    agree(&daemon);
    daemon.restart();
    agree(&daemon);
}
