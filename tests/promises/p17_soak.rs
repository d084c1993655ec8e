//! P17: a steady load with a Redis that is restarted now and then: memory and file sizes stay flat,
//! totals are exact. Twenty minutes at 2,000 events a second in the long form.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::sized;
use crate::harness::{DEADLINE, Daemon, PAUSE, Setup, eventually, now_ms, wire};
use crate::model::rfc3339;

/// Events are sent so many at a time, half of them starts.
const PART: usize = 200;
/// What may grow besides the history itself, and by how much of what it was.
const MAX_GROWTH: f64 = 1.5;

struct Sizes {
    resident_kib: u64,
    journal: u64,
    logs: u64,
    redis: u64,
}

fn sizes(daemon: &Daemon) -> Sizes {
    let status = format!("/proc/{}/status", daemon.pid().as_raw_nonzero());
    let text = fs::read_to_string(status).expect("it runs");
    let line = text.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    let of = |name: &str| bytes(&daemon.data.join(name));
    let redis = fs::read_dir(daemon.data.join("redis/appendonlydir"));
    let redis = redis.into_iter().flatten().flatten();
    Sizes {
        resident_kib: kib.expect("a number"),
        journal: of("journal.db"),
        logs: of("journal.db-wal") + of("history.db-wal"),
        redis: redis.map(|file| bytes(&file.path())).sum(),
    }
}

fn part(round: usize) -> Vec<Value> {
    let at_ms = now_ms();
    (0..PART / 2)
        .flat_map(|n| {
            let id = format!("r{round}-{n}");
            let name = format!("agent-{}", n % 20);
            [
                json!({"event":"start","agent_id":id,"agent_name":name,"session_id":"s",
                    "start_time":rfc3339(at_ms - 900)}),
                json!({"event":"stop","agent_id":id,"agent_name":name,"session_id":"s",
                    "execution_end":rfc3339(at_ms),"duration_ms":900,"tool_calls":{"Read":2},
                    "token_usage":{"input_tokens":10,"output_tokens":1,"estimated_cost":0.001}}),
            ]
        })
        .collect()
}

fn send(daemon: &Daemon, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let told = wire::tell(&daemon.socket(), text.as_bytes()).expect("an answer");
    assert_eq!(told.totals.accepted, lines.len() as u64, "{told:?}");
}

#[test]
fn p17_a_steady_load_leaves_memory_and_files_flat_and_totals_exact() {
    let daemon = Setup::new()
        .set("history.flush_interval", "\"2s\"")
        .set("journal.keep_rows", &sized(2_000, 200_000).to_string())
        .set("journal.keep", &format!("\"{}\"", sized("2s", "1m")))
        .start();
    let lasts = sized(Duration::from_secs(12), Duration::from_secs(20 * 60));
    let every = Duration::from_secs_f64(PART as f64 / sized(1_000.0, 2_000.0));
    let mut restarts = sized(1, 10);
    let began = Instant::now();
    let mut rounds = 0;
    let mut settled: Option<Sizes> = None;
    while began.elapsed() < lasts {
        send(&daemon, &part(rounds));
        rounds += 1;
        let share = began.elapsed().as_secs_f64() / lasts.as_secs_f64();
        if settled.is_none() && share > 0.4 {
            settled = Some(sizes(&daemon));
        }
        if restarts > 0 && share > 0.9 - 0.08 * f64::from(restarts) {
            restarts -= 1;
            daemon.kill_redis();
        }
        let next = began + every * rounds as u32;
        while Instant::now() < next {
            std::thread::park_timeout(next.duration_since(Instant::now()).min(PAUSE));
        }
    }
    let executions = (rounds * PART / 2) as u64;
    eventually("totals are exact, in both views", || {
        let current = daemon.read("/api/agents/metrics/current?timeRange=6h")?;
        let told = daemon.read("/api/agents/costs?by=day&days=2")?;
        let days = told["costs"].as_array().into_iter().flatten();
        let (mut sum, mut micros) = (0, 0.0);
        for day in days {
            sum += day["executions"].as_u64().unwrap_or(0);
            micros += day["estimated_cost"].as_f64().unwrap_or(0.0) * 1e6;
        }
        let is_exact = sum == executions
            && micros.round() as u64 == executions * 1_000
            && current["executions_today"] == executions
            && current["active_agents"] == 0;
        is_exact
            .then_some(())
            .ok_or(format!("{executions}: {current} {told}"))
    });
    let (before, after) = (settled.expect("it lasted"), sizes(&daemon));
    let grown = [
        (
            "resident KiB",
            before.resident_kib,
            after.resident_kib,
            32 << 10,
        ),
        ("journal.db", before.journal, after.journal, 8 << 20),
        ("write-ahead logs", before.logs, after.logs, 64 << 20),
        ("Redis' log", before.redis, after.redis, 64 << 20),
    ];
    let lag = Instant::now().duration_since(began) - lasts;
    assert!(lag < DEADLINE);
    for (what, before, after, slack) in grown {
        eprintln!("{what}: {before} then {after}, {executions} executions");
        let most = (before as f64 * MAX_GROWTH) as u64 + slack;
        assert!(after <= most, "{what} grew from {before} to {after}");
    }
}
