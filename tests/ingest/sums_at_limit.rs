//! Legal parts whose sum is not: every answer is still given, is the same from both views, and is
//! what an independent model comes to; also after a correction, a rebuild and a restart.

use serde_json::{Value, json};

use crate::check::compare::{Check, near, same};
use crate::claude_code::captured::start;
use crate::claude_code::script::Script;
use crate::harness::{Daemon, Setup, eventually, folder, now_ms};
use crate::model::rfc3339;

/// Tokens of each kind, calls of each tool, and millionths of a dollar of one run.
const MOST: u128 = 1_000_000_000_000;
/// Together they come to more than 2^53, which is 9,007 × 10^12.
const RUNS: u128 = 9_100;

/// Every read, the ranges that live answers and those that history does.
const READS: [&str; 22] = [
    "/api/agents/metrics/current",
    "/api/agents/metrics/current?timeRange=24h",
    "/api/agents/metrics/timeline?hours=24",
    "/api/agents/metrics/daily?days=7",
    "/api/agents/metrics/daily?days=30",
    "/api/agents/types/distribution",
    "/api/agents/performance/AGENT?days=7",
    "/api/agents/performance/AGENT?days=30",
    "/api/agents/tools/usage?period=day",
    "/api/agents/tools/usage?period=week",
    "/api/agents/tools/usage?period=month",
    "/api/agents/active",
    "/api/agents/executions?limit=100",
    "/api/agents/errors/AGENT",
    "/api/agents/costs?by=day&days=30",
    "/api/agents/costs?by=agent&days=30",
    "/api/agents/costs?by=model&days=30",
    "/api/agents/costs?by=session&days=30",
    "/api/sessions",
    "/api/registry/agents?sort=cost",
    "/api/system/health",
    "/metrics",
];

fn all_answer(daemon: &Daemon, agent: &str) -> Check {
    for path in READS.map(|path| path.replace("AGENT", agent)) {
        let answer = daemon.get(&path);
        if answer.status != 200 {
            return Err(format!("{path}: {} {}", answer.status, answer.text()));
        }
    }
    let status = daemon.command(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).map_err(|e| e.to_string())?;
    same("live is broken", &status["live"]["broken"], &Value::Null)
}

/// All runs have the most tokens, calls and dollars, but the first, which has a token and a call
/// less: no double is equal to an odd sum as large as theirs.
fn tokens_of_all() -> u64 {
    u64::try_from(RUNS * MOST - 1).expect("64 bits")
}

fn are_summed(daemon: &Daemon, agent: &str) -> Check {
    all_answer(daemon, agent)?;
    let tokens = json!(tokens_of_all());
    let dollars = json!((RUNS * MOST) as f64 / 1e6);
    let count = json!(RUNS as u64);
    let ask = |path: &str| daemon.read(&format!("/api/agents/{path}"));
    for by in ["agent", "model", "session", "day"] {
        let told = ask(&format!("costs?by={by}&days=7"))?;
        let rows = told["costs"].as_array().ok_or("no list")?;
        let of_one = |row: &&Value| by != "agent" || row["agent_name"] == agent;
        let row = rows.iter().find(of_one).ok_or(format!("{by}: {told}"))?;
        same(by, &row["executions"], &count)?;
        same(by, &row["total_tokens"], &tokens)?;
        same(by, &row["estimated_cost"], &dollars)?;
        if rows.len() != 1 {
            return Err(format!("{by}: {told}"));
        }
    }
    // Up to a week live is asked, beyond it history.
    for days in [7, 30] {
        let told = ask(&format!("metrics/daily?days={days}"))?;
        same("daily", &told["daily"][0]["total_tokens"], &tokens)?;
        same("daily", &told["daily"][0]["total_cost"], &dollars)?;
        let told = ask(&format!("performance/{agent}?days={days}"))?;
        let usage = &told["token_usage"];
        same("tokens of the agent", &usage["total_tokens"], &tokens)?;
        same("its average", &usage["avg_tokens"], &json!(MOST as u64))?;
        same("its cost", &usage["estimated_cost"], &dollars)?;
    }
    for period in ["week", "month"] {
        let told = ask(&format!("tools/usage?period={period}"))?;
        let tool = &told["tools"][0];
        same("calls", &tool["usage_count"], &tokens)?;
        near(
            "calls an execution",
            &tool["avg_per_execution"],
            MOST as f64,
            0.001,
        )?;
    }
    // Of the last day, so that midnight is no matter.
    let told = ask("metrics/current?timeRange=24h")?;
    same("executions", &told["executions_today"], &count)?;
    same("tokens", &told["tokens_used_today"], &tokens)?;
    same("cost", &told["estimated_cost_today"], &dollars)
}

#[test]
fn sums_beyond_the_numbers_of_redis_are_those_of_history() {
    let mut daemon = Setup::new().start();
    let ended = rfc3339(now_ms() - 1_000);
    let stops: Vec<Value> = (0..RUNS)
        .map(|n| {
            let most = if n == 0 { MOST - 1 } else { MOST } as u64;
            json!({"event": "stop", "agent_id": format!("x{n}"), "execution_end": ended,
                "agent_type": "t", "model": "m", "session_id": "s", "duration_ms": 7,
                "tool_calls": {"Read": most}, "token_usage": {"input_tokens": most,
                    "estimated_cost": 1e6}})
        })
        .collect();
    daemon.accept(&stops);
    eventually("all of nobody", || are_summed(&daemon, "unknown"));
    // A correction: every run gets its name, which takes it from one bucket to another.
    let starts: Vec<Value> = (0..RUNS)
        .map(|n| json!({"event": "start", "agent_id": format!("x{n}"), "agent_name": "late"}))
        .collect();
    daemon.accept(&starts);
    eventually("all by their name", || are_summed(&daemon, "late"));
    assert!(daemon.command(&["rebuild"]).status.success());
    eventually("all after a rebuild", || are_summed(&daemon, "late"));
    assert_eq!(daemon.sigterm().code(), Some(0));
    daemon.restart();
    eventually("all after a restart", || are_summed(&daemon, "late"));
    daemon.kill_redis();
    eventually("all without Redis", || {
        let told = daemon.read("/api/agents/tools/usage?period=week")?;
        same(
            "calls",
            &told["tools"][0]["usage_count"],
            &tokens_of_all().into(),
        )
    });
}

#[test]
fn requests_of_a_transcript_are_legal_and_break_no_view() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);
    let mut script = Script::new(&roots, "big");
    // 140.25 dollars a million: as it was reported, a run would cost 10^18 millionths and more.
    let requests = 7_200_u32;
    for agent in ["a", "b"] {
        script.start(agent, 0.0);
        script.stop(agent, 100.0);
        let most = MOST as u64;
        let mut lines = vec![script.prompt(agent, 0.0)];
        lines.extend((1..=requests).map(|n| {
            let at_s = 1.0 + f64::from(n) / 100.0;
            let mut line = script.answer(agent, at_s, [most; 5], &[]);
            line["message"]["model"] = "claude-opus-4-1".into();
            line
        }));
        script.write(agent, &lines);
    }
    daemon.accept(&script.lines);
    let check = |daemon: &Daemon| {
        all_answer(daemon, "probe")?;
        for agent in ["a", "b"] {
            let one = daemon.read(&format!("/api/agents/executions/{}", script.id(agent)))?;
            same("capped", &one["is_capped"], &true.into())?;
            let most = json!(MOST as u64);
            let usage = json!({"input_tokens": most, "output_tokens": most,
                "cache_read_tokens": most, "cache_write_tokens": most, "total_tokens": most,
                "estimated_cost": 1e6});
            same("usage", &one["token_usage"], &usage)?;
            let model = &one["usage_by_model"]["claude-opus-4-1"];
            same("requests", &model["requests"], &requests.into())?;
        }
        for days in [7, 30] {
            let daily = daemon.read(&format!("/api/agents/metrics/daily?days={days}"))?;
            let days = daily["daily"].as_array().ok_or("no list")?;
            let tokens: u128 = days
                .iter()
                .map(|day| u128::from(day["total_tokens"].as_u64().unwrap_or(0)))
                .sum();
            same("all tokens", &json!(tokens as u64), &json!(2 * MOST as u64))?;
        }
        let metrics = daemon.get("/metrics").text();
        match metrics.contains("agentpulse_executions_capped_total 2\n") {
            true => Ok(()),
            false => Err("two capped executions are not counted".to_owned()),
        }
    };
    eventually("both runs are read", || check(&daemon));
    assert!(daemon.command(&["rebuild"]).status.success());
    eventually("after a rebuild", || check(&daemon));
    daemon.kill9();
    daemon.restart();
    eventually("after a restart", || check(&daemon));
}

/// Whatever times events have, what is kept of them is no later than now, and both views agree.
#[test]
fn a_start_in_the_future_or_after_its_end_is_the_end() {
    let mut daemon = Setup::new().start();
    // With milliseconds, which are written where there are some.
    let end_ms = (now_ms() / 1_000 - 60) * 1_000 + 123;
    let end = rfc3339(end_ms);
    let stop = |id: &str, fields: Value| {
        let mut line = json!({"event": "stop", "agent_id": id, "agent_name": "a",
            "execution_end": end});
        for (field, value) in fields.as_object().into_iter().flatten() {
            line[field] = value.clone();
        }
        line
    };
    let start_at = |id: &str, time: Value| {
        json!({"event": "start", "agent_id": id, "agent_name": "a",
            "start_time": time})
    };
    let far = "9999-12-31T23:59:59Z";
    daemon.accept(&[
        stop("far", json!({"execution_start": far})),
        stop("both", json!({"execution_start": far, "duration_ms": 5})),
        stop(
            "after",
            json!({"execution_start": rfc3339(end_ms + 30_000)}),
        ),
        stop("first", json!({"execution_start": "0001-01-01T00:00:00Z"})),
        stop("unix", json!({"execution_start": -1})),
        start_at("start-stop", far.into()),
        stop("start-stop", json!({})),
        stop("stop-start", json!({})),
        start_at("stop-start", far.into()),
    ]);
    let wanted = [
        ("far", &*end, json!(null)),
        ("both", &*end, json!(5)),
        ("after", &*end, json!(null)),
        ("first", "0001-01-01T00:00:00.000Z", json!(null)),
        ("unix", "1969-12-31T23:59:59.000Z", json!(null)),
        ("start-stop", &*end, json!(null)),
        ("stop-start", &*end, json!(null)),
    ];
    let check = |daemon: &Daemon| {
        for (id, started, duration_ms) in &wanted {
            let one = daemon.read(&format!("/api/agents/executions/{id}"))?;
            same(id, &one["execution_start"], &(*started).into())?;
            same(id, &one["execution_end"], &end.as_str().into())?;
            same(id, &one["duration_ms"], duration_ms)?;
        }
        let timeline = ["ZRANGE", "agents:timeline", "0", "-1", "WITHSCORES"];
        let scores = daemon.redis(&timeline).pairs().into_iter();
        let seconds = |score: String| score.parse::<f64>().expect("a number");
        let scores: Vec<_> = scores.map(|(id, score)| (id, seconds(score))).collect();
        // Those of long ago are no more in it.
        let expected = ["after", "both", "far", "start-stop", "stop-start"];
        let expected = expected.map(|id| (id.to_owned(), end_ms as f64 / 1e3));
        match scores == expected {
            true => Ok(()),
            false => Err(format!("{scores:?}")),
        }
    };
    eventually("every start has its outcome", || check(&daemon));
    assert!(daemon.command(&["rebuild"]).status.success());
    eventually("after a rebuild", || check(&daemon));
    daemon.kill9();
    daemon.restart();
    eventually("after a restart", || check(&daemon));
}
