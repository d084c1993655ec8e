//! What running agents have spent so far: as their transcripts grow, and in no total.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::claude_code::captured::start;
use crate::claude_code::numbers::agree;
use crate::claude_code::script::Script;
use crate::harness::watcher::{STREAM, Watcher};
use crate::harness::{Daemon, Setup, eventually, folder, now_ms};

/// A session that began just now, in the lines and by the clock.
fn just_now(roots: &Path, tag: &str) -> Script {
    Script::at(roots, tag, now_ms() - 1_000)
}

/// Of haiku-4-5: 1, 5, 0.10, 1.25 and 2 dollars a million.
fn usage([input, output, read, write_5m, write_1h]: [u64; 5]) -> Value {
    let millionths = input * 100 + output * 500 + read * 10 + write_5m * 125 + write_1h * 200;
    json!({
        "input_tokens": input, "output_tokens": output, "cache_read_tokens": read,
        "cache_write_tokens": write_5m + write_1h, "total_tokens": input + output,
        "estimated_cost": ((millionths + 50) / 100) as f64 / 1e6,
    })
}

fn active(daemon: &Daemon, id: &str) -> Result<Value, String> {
    let told = daemon.read("/api/agents/active")?;
    let all = told["active"].as_array().ok_or("no list")?;
    let one = all.iter().find(|one| one["agent_id"] == id);
    one.cloned().ok_or_else(|| format!("{id} does not run"))
}

/// Both the list and the single execution show it, and no total does.
#[track_caller]
fn has_spent(daemon: &Daemon, id: &str, expected: &Value) {
    eventually("what it has spent so far", || {
        let listed = active(daemon, id)?;
        let single = daemon.read(&format!(
            "/api/agents/executions/{}",
            id.replace('#', "%23")
        ))?;
        match (&listed["token_usage"], &single["token_usage"]) {
            (listed, single) if listed == expected && single == expected => Ok(()),
            (listed, single) => Err(format!("{listed} and {single}, not {expected}")),
        }
    });
}

fn today(daemon: &Daemon) -> [Value; 3] {
    let current = daemon.read("/api/agents/metrics/current").expect("current");
    [
        "executions_today",
        "tokens_used_today",
        "estimated_cost_today",
    ]
    .map(|name| current[name].clone())
}

#[track_caller]
fn ended(daemon: &Daemon, id: &str, expected: &Value) {
    eventually("what it has spent in all", || {
        let one = daemon.read(&format!(
            "/api/agents/executions/{}",
            id.replace('#', "%23")
        ))?;
        match (&one["status"], &one["token_usage"]) {
            (status, usage) if status == "success" && usage == expected => Ok(()),
            (status, usage) => Err(format!("{status} {usage}, not {expected}")),
        }
    });
}

fn send(daemon: &Daemon, script: &mut Script) {
    let (_, answer) = daemon.send(&std::mem::take(&mut script.lines));
    assert_eq!(answer.totals.rejected, 0, "{answer:?}");
}

#[test]
fn spending_is_shown_while_an_agent_runs_and_counted_when_it_ends() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = start(&roots);
    let mut script = just_now(&roots, "x");
    script.start("a", 0.0);
    send(&daemon, &mut script);
    has_spent(&daemon, "x-a", &Value::Null);
    let before = today(&daemon);
    let deadline = active(&daemon, "x-a").expect("it runs")["deadline"].clone();

    script.write("a", &[script.prompt("a", 0.0)]);
    has_spent(&daemon, "x-a", &usage([0; 5]));
    let answer = script.answer("a", 0.1, [100, 10, 20_000, 400, 0], &[("t1", "Read")]);
    // One message on two lines counts once.
    script.write("a", &[answer.clone(), answer]);
    has_spent(&daemon, "x-a", &usage([100, 10, 20_000, 400, 0]));
    let answer = script.answer("a", 0.2, [7, 300, 21_000, 0, 50], &[("t2", "Read")]);
    let line = format!("{answer}\n");
    let mut file = File::options()
        .append(true)
        .open(script.transcript("a"))
        .expect("a transcript");
    file.write_all(&line.as_bytes()[..80]).expect("a torn line");
    script.start("other", 0.0);
    script.write(
        "other",
        &[script.answer("other", 0.1, [1, 1, 0, 0, 0], &[])],
    );
    send(&daemon, &mut script);
    has_spent(&daemon, "x-other", &usage([1, 1, 0, 0, 0]));
    has_spent(&daemon, "x-a", &usage([100, 10, 20_000, 400, 0]));
    file.write_all(&line.as_bytes()[80..]).expect("its rest");
    let so_far = usage([107, 310, 41_000, 400, 50]);
    has_spent(&daemon, "x-a", &so_far);

    assert_eq!(today(&daemon), before, "nothing counts before its end");
    let running = active(&daemon, "x-a").expect("it runs");
    assert_eq!(
        running["deadline"], deadline,
        "a file that grows is no heartbeat"
    );
    let current = daemon.read("/api/agents/metrics/current").expect("current");
    let details = current["active_agent_details"].as_array().expect("a list");
    assert!(details.iter().all(|one| one.get("token_usage").is_none()));

    script.stop("a", 0.4);
    script.write("a", &[script.answer("a", 0.3, [1, 2, 0, 0, 0], &[])]);
    send(&daemon, &mut script);
    ended(&daemon, "x-a", &usage([108, 312, 41_000, 400, 50]));
    // The second turn has its own.
    script.start("a", 0.5);
    send(&daemon, &mut script);
    script.write("a", &script.turn("a", 0.6, 9, 8)[..3]);
    has_spent(&daemon, "x-a#2", &usage([1, 0, 0, 0, 0]));
    script.write("a", &script.turn("a", 0.6, 9, 8)[3..]);
    has_spent(&daemon, "x-a#2", &usage([9, 8, 0, 0, 0]));
    for agent in ["a", "other"] {
        script.stop(agent, 0.9);
    }
    send(&daemon, &mut script);
    ended(&daemon, "x-a#2", &usage([9, 8, 0, 0, 0]));
    ended(&daemon, "x-a", &usage([108, 312, 41_000, 400, 50]));
    ended(&daemon, "x-other", &usage([1, 1, 0, 0, 0]));
    eventually("three are counted", || match today(&daemon) {
        [count, tokens, _] if count == 3 && tokens == 108 + 312 + 9 + 8 + 2 => Ok(()),
        told => Err(format!("{told:?}")),
    });
    agree(&daemon);
}

#[test]
fn spending_is_shown_after_a_restart_without_redis_and_on_the_stream() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);
    let mut watcher = Watcher::connect(&daemon, STREAM);
    let mut script = just_now(&roots, "x");
    script.start("a", 0.0);
    script.write(
        "a",
        &[script.answer("a", 0.1, [10, 5, 0, 0, 0], &[("t", "Read")])],
    );
    send(&daemon, &mut script);
    let first = usage([10, 5, 0, 0, 0]);
    let is_told = |element: &Value| {
        element["kind"] == "progress" && element["execution"]["token_usage"] == first
    };
    let mut frames = std::iter::from_fn(|| Some(watcher.read_type("changes")));
    assert!(frames.any(|frame| {
        frame["data"]
            .as_array()
            .expect("a list")
            .iter()
            .any(is_told)
    }));
    has_spent(&daemon, "x-a", &first);
    eventually("Redis has it too", || {
        let stored = daemon.redis(&["GET", "agent:active:x-a"]);
        let stored = format!("{stored:?}");
        let is_stored = stored.contains("input_tokens");
        is_stored.then_some(()).ok_or(stored)
    });
    // The live view is rebuilt, and the file is read again.
    daemon.kill9();
    daemon.restart();
    has_spent(&daemon, "x-a", &first);
    daemon.request_rebuild();
    has_spent(&daemon, "x-a", &first);
    let table = daemon.command(&["top", "--once"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    let row = table.lines().find(|line| line.contains("x-a"));
    let row: Vec<&str> = row.expect("a row").split_whitespace().collect();
    assert!(row.contains(&"15") && row.contains(&"$0.0000"), "{row:?}");
}

#[test]
fn it_is_told_from_memory_while_redis_is_away() {
    let place = folder();
    let roots = place.path().join("projects");
    let redis = crate::harness::Redis::start();
    let daemon = Setup::new()
        .set(
            "transcript.roots",
            &format!("[{:?}]", roots.display().to_string()),
        )
        .redis(&redis)
        .start();
    let mut script = just_now(&roots, "x");
    script.start("a", 0.0);
    script.write(
        "a",
        &[script.answer("a", 0.1, [10, 5, 0, 0, 0], &[("t", "Read")])],
    );
    send(&daemon, &mut script);
    has_spent(&daemon, "x-a", &usage([10, 5, 0, 0, 0]));
    redis.pause();
    script.write(
        "a",
        &[script.answer("a", 0.2, [1, 0, 0, 0, 0], &[("u", "Read")])],
    );
    has_spent(&daemon, "x-a", &usage([11, 5, 0, 0, 0]));
    assert_eq!(
        daemon
            .get("/api/agents/metrics/current")
            .header("x-agentpulse-source"),
        Some("history")
    );
    redis.resume();
}

#[test]
fn files_that_may_not_be_read_tell_nothing_and_hold_up_nobody() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = start(&roots);
    let mut script = just_now(&roots, "x");
    let line = format!("{}\n", script.answer("a", 0.1, [10, 5, 0, 0, 0], &[]));
    let secret = place.path().join("secret.jsonl");
    fs::write(&secret, &line).expect("a file");
    for agent in ["good", "link", "pipe", "shrinks"] {
        script.start(agent, 0.0);
    }
    script.write("good", &[script.answer("good", 0.1, [10, 5, 0, 0, 0], &[])]);
    symlink(&secret, script.transcript("link")).expect("a link");
    let pipe = script.transcript("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    let lines = [1.0, 2.0].map(|at_s| script.answer("shrinks", at_s, [5, 5, 0, 0, 0], &[]));
    script.write("shrinks", &lines);
    send(&daemon, &mut script);
    has_spent(&daemon, "x-shrinks", &usage([10, 10, 0, 0, 0]));
    fs::write(script.transcript("shrinks"), format!("{}\n", lines[0])).expect("a file");
    has_spent(&daemon, "x-shrinks", &usage([5, 5, 0, 0, 0]));
    has_spent(&daemon, "x-good", &usage([10, 5, 0, 0, 0]));
    for agent in ["x-link", "x-pipe"] {
        assert_eq!(
            active(&daemon, agent).expect("it runs")["token_usage"],
            Value::Null
        );
    }
}

#[test]
fn two_hundred_that_run_are_told_one_by_one() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = start(&roots);
    let mut script = just_now(&roots, "x");
    let agents: Vec<String> = (0..200).map(|n| format!("n{n}")).collect();
    for agent in &agents {
        script.start(agent, 0.0);
    }
    let starts = std::mem::take(&mut script.lines);
    daemon.send(&starts);
    let mut expected = vec![0; agents.len()];
    for step in 1..=3_u64 {
        for (n, agent) in agents.iter().enumerate() {
            let input = n as u64 * step + 1;
            expected[n] += input;
            let at_s = step as f64 / 10.0;
            script.write(
                agent,
                &[script.answer(agent, at_s, [input, 0, 0, 0, 0], &[])],
            );
        }
        eventually("all are told", || {
            let told = daemon.read("/api/agents/active")?;
            for (n, agent) in agents.iter().enumerate() {
                let id = script.id(agent);
                let all = told["active"].as_array().ok_or("no list")?;
                let one = all.iter().find(|one| one["agent_id"] == *id);
                let tokens = one.map(|one| &one["token_usage"]["total_tokens"]);
                if tokens != Some(&json!(expected[n])) {
                    return Err(format!("{id}: {tokens:?} and not {}", expected[n]));
                }
            }
            Ok(())
        });
    }
    assert_eq!(today(&daemon)[1], 0);
    for agent in &agents {
        script.stop(agent, 0.9);
    }
    send(&daemon, &mut script);
    let sum: u64 = expected.iter().sum();
    eventually("all are counted once", || match today(&daemon) {
        [count, tokens, _] if count == 200 && tokens == sum => Ok(()),
        told => Err(format!("{told:?} and not {sum}")),
    });
    agree(&daemon);
}
