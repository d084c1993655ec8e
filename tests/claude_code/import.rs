//! `agentpulse import claude-code`: what transcripts still say is what live hooks would have
//! reported, and nothing counts twice beside them.

use std::path::Path;

use serde_json::{Value, json};

use crate::claude_code::captured::start;
use crate::claude_code::numbers::agree;
use crate::claude_code::script::Script;
use crate::harness::{Daemon, eventually, folder, now_ms};
use crate::model::{DAY_MS, day};

/// What the import says that it has sent and what became of it.
fn import(daemon: &Daemon, roots: &Path, more: &[&str]) -> String {
    let root = roots.display().to_string();
    let socket = daemon.socket().display().to_string();
    let mut arguments = vec![
        "import",
        "claude-code",
        "--root",
        &root,
        "--socket",
        &socket,
    ];
    arguments.extend(more);
    let output = daemon.command(&arguments);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{error}");
    told
}

/// Two sessions; one of their agents was resumed twice, one failed, one was left alone.
fn write(script: &mut Script) {
    let session = script.session.clone();
    for (at_s, input, output) in [(0.0, 100, 10), (20.0, 2_000, 200), (400.0, 30_000, 3_000)] {
        script.start("a", at_s);
        script.stop("a", at_s + 10.0);
        script.write("a", &script.turn("a", at_s, input, output));
    }
    script.beside(
        "a",
        &json!({"agentType": "probe", "spawnDepth": 1, "description": "look"}),
    );
    script.session = format!("{session}-second");
    script.start("b", 30.0);
    script.of("b", 40.0, "StopFailure", json!({"error": "unknown"}));
    let mut failed = script.answer("b", 39.9, [0, 0, 0, 0, 0], &[]);
    failed["isApiErrorMessage"] = true.into();
    failed["message"]["model"] = "<synthetic>".into();
    let lines = [
        script.prompt("b", 30.0),
        script.answer("b", 31.0, [5, 1, 0, 0, 0], &[("t1", "Bash")]),
        script.result("b", 32.0, "t1", true),
        failed,
    ];
    script.write("b", &lines);
    script.start("left", 50.0);
    script.main(60.0, "SessionEnd", json!({"reason": "other"}));
    let lines = script.turn("left", 50.0, 40, 4);
    script.write("left", &lines[..3]);
    for agent in ["b", "left"] {
        script.beside(agent, &json!({"agentType": "probe", "spawnDepth": 1}));
    }
    script.session = session;
}

fn expected() -> Value {
    let turn = |tokens: [u64; 2], micros: u64| {
        json!({"status": "success", "agent_name": "probe", "tokens": tokens, "depth": 1,
            "tool_calls": {"Read": 1}, "micros": micros, "error": null, "source": "claude-code"})
    };
    let failed = |tokens: [u64; 2], tool: &str, micros: u64, error: &str| {
        let mut run = turn(tokens, micros);
        run["status"] = "failure".into();
        run["tool_calls"] = json!({tool: 1});
        run["error"] = error.into();
        run
    };
    // Input costs 1 and output 5 millionths of a dollar a token.
    json!({
        "a": turn([100, 10], 150), "a#2": turn([2_000, 200], 3_000),
        "a#3": turn([30_000, 3_000], 45_000), "b": failed([5, 1], "Bash", 10, "unknown"),
        "left": failed([1, 0], "Read", 1, "interrupted"),
    })
}

/// Transcripts that nobody has written to for ten minutes.
fn settle(script: &Script) {
    for agent in ["a", "b", "left"] {
        for session in [script.session.clone(), format!("{}-second", script.session)] {
            let path = script.transcript(agent);
            let path = path.to_string_lossy().replace(&script.session, &session);
            if let Ok(file) = std::fs::File::options().append(true).open(path) {
                let ago = std::time::Duration::from_secs(600);
                let then = std::time::SystemTime::now() - ago;
                file.set_modified(then).expect("its time");
            }
        }
    }
}

#[track_caller]
fn becomes(daemon: &Daemon, script: &Script) {
    let expected = expected();
    eventually("the runs", || script.holds(daemon, &expected));
    agree(daemon);
}

#[test]
fn imported_runs_equal_those_of_hooks_and_count_once() {
    let place = folder();
    for order in ["import", "import, hooks", "hooks, import", "halves"] {
        let roots = place.path().join(order.replace([',', ' '], "-"));
        let mut daemon = start(&roots);
        let mut script = Script::new(&roots, "x");
        write(&mut script);
        settle(&script);
        let half = script.lines.len() / 2;
        match order {
            "hooks, import" => drop(daemon.send(&script.lines)),
            // Among others the first stop of the agent that was resumed, and no start of it.
            "halves" => drop(daemon.send(&script.lines[1..half])),
            _ => {}
        }
        if order == "hooks, import" {
            becomes(&daemon, &script);
        }
        let told = import(&daemon, &roots, &[]);
        assert!(
            told.starts_with("3 transcripts, 5 turns of 3 of them sent: "),
            "{told}"
        );
        match order {
            "import, hooks" => {
                becomes(&daemon, &script);
                // One by one, so that each is there alone for a while.
                for line in &script.lines {
                    daemon.send(std::slice::from_ref(line));
                }
            }
            "halves" => drop(daemon.send(&script.lines)),
            _ => {}
        }
        becomes(&daemon, &script);
        let again = import(&daemon, &roots, &[]);
        assert!(
            again.contains(": 0 lines accepted, 3 duplicate, 0 refused"),
            "{again}"
        );
        daemon.kill9();
        daemon.restart();
        let again = import(&daemon, &roots, &[]);
        assert!(
            again.contains(": 0 lines accepted, 3 duplicate, 0 refused"),
            "{again}"
        );
        becomes(&daemon, &script);
        assert!(daemon.command(&["rebuild"]).status.success());
        becomes(&daemon, &script);
    }
}

/// What hooks reported as one run, because the stop and the start between were lost, an import had
/// reported as two: the second of them is no more.
#[test]
fn a_run_that_was_imported_in_two_and_is_told_as_one_counts_once() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);
    let mut script = Script::new(&roots, "x");
    script.start("a", 0.0);
    script.stop("a", 30.0);
    for (at_s, input) in [(0.0, 100), (20.0, 2_000)] {
        script.write("a", &script.turn("a", at_s, input, 1));
    }
    script.beside("a", &json!({"agentType": "probe"}));
    settle(&script);
    import(&daemon, &roots, &[]);
    let two = json!({"a": {"tokens": [100, 1]}, "a#2": {"tokens": [2_000, 1]}});
    eventually("two runs", || script.holds(&daemon, &two));
    daemon.send(&script.lines);
    let one = json!({"a": {"tokens": [2_100, 2], "seconds": 30.0}});
    eventually("one run", || script.holds(&daemon, &one));
    agree(&daemon);
    let gone = format!(
        "/api/agents/executions/{}",
        script.id("a#2").replace('#', "%23")
    );
    assert_eq!(daemon.get(&gone).status, 404);
    daemon.kill9();
    daemon.restart();
    eventually("one run", || script.holds(&daemon, &one));
    assert!(daemon.command(&["rebuild"]).status.success());
    agree(&daemon);
}

#[test]
fn only_what_ended_since_a_day_is_imported() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = start(&roots);
    let base_ms = now_ms() - 5 * DAY_MS;
    let script = Script::at(&roots, "x", base_ms);
    for (days, input) in [(0, 100), (2, 200), (4, 300)] {
        script.write("a", &script.turn("a", f64::from(days) * 86_400.0, input, 1));
    }
    script.beside("a", &json!({"agentType": "probe"}));
    settle(&script);
    let since = day(base_ms + 2 * DAY_MS);
    let told = import(&daemon, &roots, &["--since", &since]);
    assert!(
        told.contains("not sent: 1 turns that ended before --since\n"),
        "{told}"
    );
    let two = json!({"a": {"tokens": [200, 1]}, "a#2": {"tokens": [300, 1]}});
    eventually("the later two", || script.holds(&daemon, &two));
    // The rest of it comes later, and takes its place before them.
    import(&daemon, &roots, &[]);
    let three = json!({"a": {"tokens": [100, 1]}, "a#2": {"tokens": [200, 1]},
        "a#3": {"tokens": [300, 1]}});
    eventually("all three", || script.holds(&daemon, &three));
    agree_on(&daemon, 600);
}

/// Runs of several days are in no sum of one: all tokens are in those of the model.
#[track_caller]
fn agree_on(daemon: &Daemon, input: i64) {
    let told = daemon
        .read("/api/agents/costs?by=model&days=7")
        .expect("costs");
    assert_eq!(told["costs"][0]["total_tokens"], input + 3);
    assert_eq!(told["costs"][0]["executions"], 3);
}
