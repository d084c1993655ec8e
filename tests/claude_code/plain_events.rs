//! Agents that hooks report, and that report themselves as well, by plain events of the same id:
//! what was acknowledged is counted once, and no hook takes it away.

use serde_json::{Value, json};

use crate::claude_code::captured::start;
use crate::claude_code::numbers::agree;
use crate::claude_code::script::{Script, in_any_order};
use crate::harness::{Daemon, eventually, folder, now_ms};
use crate::model::rfc3339;

fn plain_start(script: &Script, agent: &str, at_s: f64) -> Value {
    json!({"event": "start", "agent_id": script.id(agent), "agent_name": "plain",
        "start_time": rfc3339(script.ms(at_s)), "task_description": "look", "host": "here"})
}

fn plain_stop(script: &Script, agent: &str, at_s: f64) -> Value {
    json!({"event": "stop", "agent_id": script.id(agent), "status": "success",
        "execution_end": rfc3339(script.ms(at_s)),
        "token_usage": {"input_tokens": 60, "output_tokens": 40}})
}

/// What is counted of the day: executions, tokens, and what runs.
fn counted(daemon: &Daemon) -> Result<Value, String> {
    let told = daemon.read("/api/agents/metrics/current?timeRange=6h")?;
    Ok(json!([
        told["executions_today"],
        told["tokens_used_today"],
        told["active_agents"]
    ]))
}

fn counts(daemon: &Daemon, expected: &Value) {
    eventually("the numbers of the day", || {
        let counted = counted(daemon)?;
        if counted == *expected {
            Ok(())
        } else {
            Err(format!("{counted} and not {expected}"))
        }
    });
}

#[test]
fn no_hook_takes_away_a_stop_that_was_acknowledged() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);
    let mut script = Script::at(&roots, "x", now_ms() - 60_000);
    let stop = plain_stop(&script, "a", 10.0);
    daemon.accept(std::slice::from_ref(&stop));
    counts(&daemon, &json!([1, 100, 0]));
    script.start("a", 0.0);
    script.tool("a", 1.0, "Read", "t1");
    // Hooks that began a run which a plain stop ended, and that report it once more.
    script.start("b", 0.0);
    daemon.send(&script.lines);
    daemon.accept(&[plain_stop(&script, "b", 10.0)]);
    counts(&daemon, &json!([2, 200, 0]));
    script.lines.clear();
    script.tool("b", 1.0, "Read", "t2");
    daemon.send(&script.lines);
    let ended = |calls: Value| {
        json!({"status": "success", "tokens": [60, 40], "seconds": 10.0, "tool_calls": calls,
            "session_id": "session-x"})
    };
    let expected = json!({"a": ended(json!({"Read": 1})), "b": ended(json!({"Read": 1}))});
    eventually("both ended as they said", || {
        script.holds(&daemon, &expected)
    });
    for _ in 0..2 {
        let (_, again) = daemon.send(&[stop.clone(), plain_stop(&script, "b", 12.0)]);
        assert_eq!(again.totals.duplicate, 2, "{again:?}");
        counts(&daemon, &json!([2, 200, 0]));
        daemon.kill9();
        daemon.restart();
    }
    agree(&daemon);
}

#[test]
fn plain_events_and_hooks_of_one_run_are_one_run_in_any_order() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);
    let write = |script: &mut Script| {
        // Hooks began it, a plain stop ended it, whenever the end of the session is reported.
        script.start("a", 0.0);
        script.tool("a", 1.0, "Read", "t1");
        let stop = plain_stop(script, "a", 10.0);
        script.lines.push(stop);
        script.tool("a", 2.0, "Read", "t2");
        // Begun by a plain start, and ended by hooks.
        let start = plain_start(script, "b", 0.0);
        script.lines.push(start);
        script.tool("b", 1.0, "Bash", "t3");
        script.stop("b", 10.0);
        // Both by itself: hooks have seen no more than calls and the end of the session.
        let (start, stop) = (plain_start(script, "c", 0.0), plain_stop(script, "c", 10.0));
        script.lines.extend([start, stop]);
        script.tool("c", 1.0, "Bash", "t4");
        script.main(30.0, "SessionEnd", json!({"reason": "other"}));
    };
    let ended = json!({"status": "success", "seconds": 10.0});
    let with = |more: Value| {
        let mut one = ended.clone();
        for (name, value) in more.as_object().expect("an object") {
            one[name] = value.clone();
        }
        one
    };
    let expected = json!({
        "a": with(json!({"tokens": [60, 40], "tool_calls": {"Read": 2}})),
        "b": with(json!({"tokens": null, "task_description": "look", "host": "here"})),
        "c": with(json!({"tokens": [60, 40], "task_description": "look", "host": "here"})),
    });
    in_any_order(&mut daemon, &roots, write, &expected);
    agree(&daemon);
}
