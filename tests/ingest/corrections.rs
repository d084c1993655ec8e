//! Executions that fail, hang, succeed late, become active again and change their agent: whichever
//! view answers, and after a rebuild, the answers are those of the model.

use serde_json::{Value, json};

use crate::check;
use crate::check::redis_keys;
use crate::harness::{Daemon, Redis, Run, Setup, eventually, now_ms};
use crate::model::{Arrival, World, rfc3339};

const AGENTS: [&str; 3] = ["zorp", "quix", "vlam"];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn agent(&mut self) -> &'static str {
        AGENTS[self.below(AGENTS.len() as u64) as usize]
    }
}

fn stop(id: &str, agent: &str, status: &str, duration_ms: u64) -> Value {
    Run::new(id)
        .agent(agent)
        .ended(now_ms())
        .took(duration_ms)
        .status(status)
        .called(json!({"Read": 2, "Edit": 1}))
        .stop()
}

/// Waits until the reaper has ended all of them, and returns when, for the model.
fn reaped(daemon: &Daemon, ids: &[String]) -> Vec<Arrival> {
    let end = |id: &String| {
        let end = eventually("a silent execution is ended", || {
            let told = daemon.read(&format!("/api/agents/executions/{id}"))?;
            match told["status"].as_str() {
                Some("timeout") => Ok(told["execution_end"].clone()),
                _ => Err(told.to_string()),
            }
        });
        let line = json!({"event":"timeout","agent_id":id,"execution_end":end});
        Arrival {
            line,
            at_ms: now_ms(),
        }
    };
    ids.iter().map(end).collect()
}

/// What became of a hung execution, if anything.
fn late(random: &mut Random, id: &str) -> Vec<Value> {
    let agent = random.agent();
    let duration_ms = random.below(90_000);
    let over = |status: &str| stop(id, agent, status, duration_ms);
    let sign = json!({"event":"progress","agent_id":id,"progress":0.5});
    match random.below(6) {
        0 => Vec::new(),
        1 => vec![sign, over("failure")],
        2 => vec![sign, over("success")],
        3 => vec![over("failure")],
        _ => vec![over("success")],
    }
}

/// All answers that either view gives.
fn answers(daemon: &Daemon) -> Result<Vec<Value>, String> {
    let mut paths: Vec<String> = [
        "/api/agents/metrics/timeline?hours=24",
        "/api/agents/metrics/daily?days=7",
        "/api/agents/types/distribution",
        "/api/agents/tools/usage?period=week",
    ]
    .map(str::to_owned)
    .to_vec();
    for agent in AGENTS {
        paths.push(format!("/api/agents/errors/{agent}"));
        paths.push(format!("/api/agents/performance/{agent}?days=7"));
    }
    paths.iter().map(|path| daemon.read(path)).collect()
}

fn reads_come_from(daemon: &Daemon, view: &str) -> Result<(), String> {
    let answer = daemon.get("/api/agents/metrics/timeline?hours=24");
    let told = answer.header("x-agentpulse-source").unwrap_or_default();
    (told == view).then_some(()).ok_or(told.to_owned())
}

/// Both views, and the live one after a rebuild, say what the model says, and the same.
#[track_caller]
fn check_both(daemon: &Daemon, redis: &Redis, world: &World) {
    eventually("live equals the model", || {
        reads_come_from(daemon, "live")?;
        check::over_http(daemon, world)
    });
    redis.pause();
    let of_history = eventually("history equals the model", || {
        reads_come_from(daemon, "history")?;
        check::over_http(daemon, world)?;
        answers(daemon)
    });
    redis.resume();
    let live_tells_the_same = || {
        reads_come_from(daemon, "live")?;
        let told = answers(daemon)?;
        let mut both = told.iter().zip(&of_history);
        let differs = both.find(|(live, history)| live != history);
        differs.map_or(Ok(()), |both| Err(format!("{both:?}")))
    };
    eventually("live tells what history tells", live_tells_the_same);
    assert!(daemon.command(&["rebuild"]).status.success());
    eventually("a rebuilt view tells the same", live_tells_the_same);
    eventually("Redis equals the model", || {
        redis_keys::everything(&redis.socket(), "", world)
    });
}

#[test]
fn corrections_leave_both_views_and_the_model_alike() {
    let redis = Redis::start();
    let daemon = Setup::new()
        .redis(&redis)
        .set("reaper.idle_timeout", "\"1s\"")
        .set("reaper.tool_timeout", "\"1s\"")
        .start();
    let mut random = Random(7);
    let mut all: Vec<Arrival> = Vec::new();

    // Five failures, and then more hung runs than a list has room for, which all succeed late.
    let failed: Vec<Value> = (0..5)
        .map(|n| stop(&format!("f{n}"), "zorp", "failure", n))
        .collect();
    all.extend(daemon.accept(&failed));
    all.extend(daemon.accept(&AGENTS.map(|agent| stop(agent, agent, "success", 1))));
    for round in 0..4 {
        let count = if round == 0 { 110 } else { 40 };
        let ids: Vec<String> = (0..count).map(|n| format!("r{round}-{n}")).collect();
        let start = |id: &String, agent: &str| {
            json!({"event":"start","agent_id":id,"agent_name":agent,
                "start_time":rfc3339(now_ms())})
        };
        let starts: Vec<Value> = ids
            .iter()
            .map(|id| match round {
                0 => start(id, "zorp"),
                _ => start(id, random.agent()),
            })
            .collect();
        all.extend(daemon.accept(&starts));
        all.extend(reaped(&daemon, &ids));
        let lines: Vec<Value> = match round {
            0 => {
                let late = ids.iter().map(|id| stop(id, "quix", "success", 7));
                late.collect()
            }
            _ => ids.iter().flat_map(|id| late(&mut random, id)).collect(),
        };
        all.extend(daemon.send(&lines).0);
        let world = World::of(&all);
        if round == 0 {
            assert_eq!(world.tally(|one| one.name == "zorp").failures, 5);
            assert_eq!(world.tally(|_| true).timeouts, 0);
        }
        check_both(&daemon, &redis, &world);
    }
}
