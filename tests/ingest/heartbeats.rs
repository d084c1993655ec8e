//! Heartbeats of executions that began just now: what was acknowledged is shown, whatever
//! becomes of Redis meanwhile and however far behind its picture is.

use std::thread;

use serde_json::{Value, json};

use crate::claude_code::script::Script;
use crate::harness::{Daemon, Redis, Setup, eventually, folder, now_ms};

const CONNECTIONS: usize = 4;
/// Twice what one batch of a backlog holds, on each connection.
const EACH: usize = 500;

fn id(part: &str, connection: usize, n: usize) -> String {
    format!("{part}-{connection}-{n}")
}

/// Starts, each followed by a sign, on several connections at once.
fn burst(daemon: &Daemon, part: &str) {
    let tell = |connection: usize| {
        for first in (0..EACH).step_by(50) {
            let ids = (first..first + 50).map(|n| id(part, connection, n));
            let starts = ids
                .clone()
                .map(|id| json!({"event": "start", "agent_id": id, "agent_name": "burst"}));
            let signs = ids.map(|id| {
                json!({"event": "progress", "agent_id": id, "progress": 0.5,
                    "current_tool": "Bash"})
            });
            let lines: Vec<Value> = starts.chain(signs).collect();
            let (_, answer) = daemon.send(&lines);
            assert_eq!(answer.totals.accepted, 50, "{answer:?}");
            assert_eq!(answer.totals.progress, 50, "{answer:?}");
        }
    };
    thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            scope.spawn(move || tell(connection));
        }
    });
}

/// The live view has the sign of each execution of these bursts.
#[track_caller]
fn are_shown(daemon: &Daemon, parts: &[&str]) {
    eventually("every sign is shown", || {
        let response = daemon.get("/api/agents/active");
        let source = response.header("x-agentpulse-source").map(str::to_owned);
        let told = response.json();
        let active = told["active"].as_array().ok_or("no list")?;
        let has_sign = |one: &&Value| one["progress"] == 0.5 && one["current_tool"] == "Bash";
        let shown = active.iter().filter(has_sign).count();
        let expected = parts.len() * CONNECTIONS * EACH;
        match (source.as_deref(), active.len(), shown) {
            (Some("live"), all, shown) if all == expected && shown == expected => Ok(()),
            told => Err(format!("{told:?} and not {expected}")),
        }
    });
}

#[test]
fn a_burst_of_starts_and_signs_is_shown() {
    let daemon = Setup::new().start();
    burst(&daemon, "a");
    are_shown(&daemon, &["a"]);
}

#[test]
fn a_burst_while_redis_stands_still_forgets_or_is_emptied_is_shown() {
    let mut redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    redis.pause();
    burst(&daemon, "stalled");
    redis.resume();
    are_shown(&daemon, &["stalled"]);
    redis.run(&["SCRIPT", "FLUSH"]);
    burst(&daemon, "flushed");
    redis.run(&["SCRIPT", "FLUSH"]);
    are_shown(&daemon, &["stalled", "flushed"]);
    redis.kill();
    burst(&daemon, "gone");
    redis.restart();
    are_shown(&daemon, &["stalled", "flushed", "gone"]);
}

/// What hooks report of an agent may be a change to an execution that runs.
#[test]
fn a_change_does_not_take_away_what_was_heard() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = crate::claude_code::captured::start(&roots);
    let mut script = Script::at(&roots, "x", now_ms() - 1_000);
    script.start("top", 0.0);
    script.start("a", 0.1);
    let call = json!({"tool_name": "Bash", "tool_use_id": "t"});
    script.of("a", 0.2, "PreToolUse", call);
    let becomes = |parent: Value| {
        eventually("the call, and the parent", || {
            let told = daemon.read("/api/agents/active")?;
            let all = told["active"].as_array().ok_or("no list")?;
            let one = all.iter().find(|one| one["agent_id"] == "x-a");
            let one = one.ok_or("it does not run")?;
            let heard = (&one["current_tool"], &one["parent_agent_id"]);
            match heard {
                (tool, told) if tool == "Bash" && *told == parent => Ok(one["deadline"].clone()),
                heard => Err(format!("{heard:?}")),
            }
        })
    };
    daemon.send(&std::mem::take(&mut script.lines));
    let deadline = becomes(Value::Null);
    script.launched(Some("top"), "a", 0.3);
    daemon.send(&script.lines);
    assert_eq!(
        becomes(json!("x-top")),
        deadline,
        "it is no sign of its life"
    );
}
