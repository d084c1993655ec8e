//! One event may say something about thousands of turns: a start of an agent that came late moves
//! every turn of those that it launched. One commit holds no more than fits its bytes; the rest
//! follows in others, also after a kill. And what changes again and again counts each time, while
//! history stands still.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Daemon, Setup, eventually, now_ms};

const CHILDREN: usize = 24;
const TURNS: usize = 256;
/// Of the changes as JSON, which is less than what they take in memory.
const MAX_COMMIT_BYTES: usize = 16 << 20;

fn hook(at_ms: i64, payload: Value) -> Value {
    static LINES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let line = LINES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mut payload = payload;
    payload["session_id"] = "s".repeat(250).into();
    json!({"event": "hook", "id": format!("{line:032x}"), "source": "claude-code",
        "observed_at": at_ms, "payload": payload})
}

fn child(n: usize) -> String {
    format!("c{n}-{}", "x".repeat(200))
}

/// How many turns of the children belong to each turn of the parent.
fn parents(daemon: &Daemon, parent: &str) -> Result<(usize, usize), String> {
    let (mut first, mut second) = (0, 0);
    for n in 0..CHILDREN {
        for turn in [1, TURNS / 2, TURNS] {
            let id = match turn {
                1 => child(n),
                turn => format!("{}%23{turn}", child(n)),
            };
            let execution = daemon.read(&format!("/api/agents/executions/{id}"))?;
            let of = execution["parent_agent_id"].as_str().unwrap_or_default();
            first += usize::from(of == parent);
            second += usize::from(of == format!("{parent}#2"));
        }
    }
    Ok((first, second))
}

/// The changes of each commit, and their bytes as JSON.
fn commits(daemon: &Daemon) -> Vec<(usize, usize)> {
    let journal = Connection::open(daemon.data.join("journal.db")).expect("a journal");
    let mut select = journal
        .prepare("SELECT count(*), sum(length(change)) FROM journal GROUP BY at_ms ORDER BY at_ms")
        .expect("the table");
    let rows = select.query_map([], |row| {
        Ok((
            row.get::<_, i64>(0)? as usize,
            row.get::<_, i64>(1)? as usize,
        ))
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}

#[test]
fn an_event_about_thousands_of_turns_is_restated_commit_by_commit_and_survives_a_kill() {
    let mut daemon = Setup::new().start();
    let now = now_ms();
    let parent = format!("p-{}", "p".repeat(200));
    let begin = now - 3_600_000;
    let mut lines = Vec::new();
    for n in 0..CHILDREN {
        lines.push(hook(
            now,
            json!({"hook_event_name": "PostToolUse", "agent_id": parent, "tool_name": "Agent",
                "tool_response": {"agentId": child(n)}}),
        ));
        let turn = |turn: usize| {
            let started_at = begin + turn as i64 * 100;
            json!({"started_at": started_at, "ended_at": started_at + 50, "outcome": "success"})
        };
        let turns: Vec<Value> = (0..TURNS).map(turn).collect();
        lines.push(hook(
            now,
            json!({"hook_event_name": "Imported", "agent_id": child(n),
                "agent_type": "n".repeat(250), "turns": turns}),
        ));
    }
    lines.push(hook(
        now - 86_400_000,
        json!({"hook_event_name": "SubagentStart", "agent_id": parent, "agent_type": "parent"}),
    ));
    for line in lines {
        daemon.accept(&[line]);
    }
    eventually("all turns are of the parent's first", || {
        let found = parents(&daemon, &parent)?;
        (found == (3 * CHILDREN, 0))
            .then_some(())
            .ok_or(format!("{found:?}"))
    });
    let at_first = commits(&daemon).len();

    // The parent had a turn more before all of them, which makes theirs its second.
    let start = hook(
        now - 80_000_000,
        json!({"hook_event_name": "SubagentStart", "agent_id": parent, "agent_type": "parent"}),
    );
    daemon.accept(&[start]);
    daemon.restart();
    eventually("all turns are of the parent's second", || {
        let found = parents(&daemon, &parent)?;
        (found == (0, 3 * CHILDREN))
            .then_some(())
            .ok_or(format!("{found:?}"))
    });

    let after = &commits(&daemon)[at_first..];
    for (changes, bytes) in after {
        assert!(
            *bytes < MAX_COMMIT_BYTES,
            "{changes} changes in {bytes} bytes"
        );
    }
    // Each turn once, also over the kill, the new turn of the parent, and the one that it ends.
    let changes: usize = after.iter().map(|(changes, _)| changes).sum();
    assert!(after.len() > 2, "{after:?}");
    assert_eq!(changes, CHILDREN * TURNS + 2, "{after:?}");
}

#[test]
fn the_same_turns_that_change_again_and_again_are_deferred_while_history_stands_still() {
    let daemon = Setup::new().start();
    let now = now_ms();
    for part in 0..4 {
        let turn = |turn: usize| {
            let started_at = now - 3_600_000 + (part * TURNS + turn) as i64 * 100;
            json!({"started_at": started_at, "ended_at": started_at + 50, "outcome": "success"})
        };
        let turns: Vec<Value> = (0..TURNS).map(turn).collect();
        daemon.accept(&[hook(
            now,
            json!({"hook_event_name": "Imported", "agent_id": "a", "agent_type": "n",
                "turns": turns}),
        )]);
    }
    eventually("history has them", || {
        let status = daemon.read("/api/system/health")?;
        let pending = &status["checks"]["history"]["pending"];
        (*pending == 0).then_some(()).ok_or(status.to_string())
    });
    let history = Connection::open(daemon.data.join("history.db")).expect("a history");
    history.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    // Each is an earlier launch of the agent by another model, and so a change of all its turns.
    let mut sent = 0;
    let answer = loop {
        sent += 1;
        let launch = hook(
            now - sent * 1_000,
            json!({"hook_event_name": "PostToolUse", "tool_name": "Agent",
                "tool_response": {"agentId": "a", "resolvedModel": format!("m{sent}")}}),
        );
        let body = launch.to_string();
        let answer = daemon.request("POST", "/api/agents/events", &[], body.as_bytes());
        if answer.status != 200 || sent > 100 {
            break answer;
        }
    };
    assert_eq!(answer.status, 503, "{}", answer.text());
    let output = daemon.command(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(status["counters"]["lines_deferred"], 1);
    // 32,768 changes of 1,024 turns each.
    assert!((30..36).contains(&sent), "{sent}");
}
