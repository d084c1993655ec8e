//! What the hooks of an agent amount to: turns, their ends, and who launched whom. The captured
//! runs lack all of these; each is sent in several orders and through a kill -9.

use serde_json::{Value, json};

use crate::claude_code::numbers::agree;
use crate::claude_code::script::{Script, in_any_order};
use crate::harness::{eventually, folder};

fn check(write: impl Fn(&mut Script), expected: Value) {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = crate::claude_code::captured::start(&roots);
    in_any_order(&mut daemon, &roots, write, &expected);
    agree(&daemon);
}

#[test]
fn an_agent_that_is_resumed_is_an_execution_a_turn() {
    let write = |script: &mut Script| {
        for (at_s, input, output) in [(0.0, 100, 10), (20.0, 2_000, 200), (40.0, 30_000, 3_000)] {
            script.start("a", at_s);
            script.tool("a", at_s + 1.0, "Read", &format!("use-{at_s}"));
            script.stop("a", at_s + 10.0);
            script.write("a", &script.turn("a", at_s, input, output));
        }
        // Of the second agent nobody reported the third turn, nor does its transcript end with one.
        for at_s in [0.0, 20.0] {
            script.start("b", at_s);
            script.stop("b", at_s + 10.0);
            script.write("b", &script.turn("b", at_s, 7, 1));
        }
        script.write("b", &[script.prompt("b", 40.0)]);
    };
    let turn = |tokens: [u64; 2]| {
        json!({"status": "success", "tokens": tokens, "tool_calls": {"Read": 1}, "seconds": 10.0,
            "agent_name": "probe"})
    };
    check(
        write,
        json!({
            "a": turn([100, 10]), "a#2": turn([2_000, 200]), "a#3": turn([30_000, 3_000]),
            "b": turn([7, 1]), "b#2": turn([7, 1]),
        }),
    );
}

#[test]
fn a_stop_that_a_stop_hook_did_not_let_pass_moves_the_end() {
    let write = |script: &mut Script| {
        script.start("a", 0.0);
        script.stop("a", 10.0);
        script.stop_with("a", 22.0, json!({"stop_hook_active": true}));
        script.stop_with("a", 31.0, json!({"stop_hook_active": true}));
        script.start("a", 40.0);
        script.stop("a", 50.0);
        let mut lines = script.turn("a", 0.0, 100, 10);
        for at_s in [21.0, 30.0] {
            let mut hint = script.prompt("a", at_s);
            hint["isMeta"] = true.into();
            lines.extend([hint, script.answer("a", at_s + 0.9, [5, 1, 0, 0, 0], &[])]);
        }
        lines.extend(script.turn("a", 40.0, 1_000, 0));
        script.write("a", &lines);
        // Sent on, and refused by the provider then.
        script.start("b", 0.0);
        script.stop("b", 10.0);
        let failed = json!({"error": "overloaded"});
        script.of("b", 15.0, "StopFailure", failed);
        script.start("b", 20.0);
    };
    check(
        write,
        json!({
            "a": {"status": "success", "seconds": 31.0, "tokens": [110, 12]},
            "a#2": {"status": "success", "seconds": 10.0, "tokens": [1_000, 0]},
            "b": {"status": "failure", "error": "overloaded", "seconds": 15.0},
            "b#2": {"status": "running"},
        }),
    );
}

#[test]
fn an_agent_knows_the_turn_of_its_parent_and_its_depth() {
    let write = |script: &mut Script| {
        script.launched(None, "top", 0.1);
        script.start("top", 0.0);
        script.launched(Some("top"), "first", 2.0);
        script.start("first", 2.1);
        script.launched(Some("first"), "deep", 3.0);
        script.start("deep", 3.1);
        script.stop("deep", 4.0);
        script.stop("first", 5.0);
        script.stop("top", 6.0);
        script.start("top", 20.0);
        script.start("second", 22.0);
        script.launched(Some("top"), "second", 22.1);
        script.stop("second", 23.0);
        // The first is resumed by the second turn of its parent.
        script.start("first", 24.0);
        script.stop("first", 25.0);
        script.stop("top", 26.0);
        // Only the files beside their transcripts report these.
        script.start("beside", 22.5);
        script.stop("beside", 23.5);
        script.write("beside", &script.turn("beside", 22.5, 10, 1));
        let parent = script.id("top");
        script.beside(
            "beside",
            &json!({"agentType": "probe", "spawnDepth": 2, "parentAgentId": parent,
                "description": "look", "model": "haiku"}),
        );
        script.start("alone", 22.5);
        script.stop("alone", 23.5);
        script.write("alone", &script.turn("alone", 22.5, 10, 1));
        script.beside("alone", &json!({"agentType": "probe", "spawnDepth": 1}));
    };
    let run = |parent: Value, depth: u64| json!({"parent": parent, "depth": depth});
    let (top, later) = (json!("top"), json!("top#2"));
    check(
        write,
        json!({
            "top": run(Value::Null, 1), "top#2": run(Value::Null, 1),
            "first": run(top, 2), "first#2": run(later.clone(), 2),
            "deep": run(json!("first"), 3), "second": run(later.clone(), 2),
            "beside": {"parent": later, "depth": 2, "task_description": "look",
                "model": crate::claude_code::script::HAIKU},
            "alone": run(Value::Null, 1),
        }),
    );
}

#[test]
fn an_agent_stopped_from_outside_has_failed_unless_it_reports_otherwise() {
    let write = |script: &mut Script| {
        for agent in ["killed", "late", "resumed"] {
            script.start(agent, 0.0);
            let stopped = json!({"tool_name": "TaskStop", "tool_use_id": format!("k-{agent}"),
                "tool_input": {"task_id": script.id(agent)}, "tool_response": {"task_id": "x"}});
            script.main(5.0, "PreToolUse", stopped.clone());
            script.main(5.5, "PostToolUse", stopped);
        }
        script.stop("late", 6.5);
        script.start("resumed", 20.0);
        script.stop("resumed", 30.0);
        // A background command has an id as well, and is no agent.
        let other = json!({"tool_name": "TaskStop", "tool_use_id": "k", "tool_input":
            {"task_id": script.id("command")}});
        script.main(7.0, "PostToolUse", other);
    };
    check(
        write,
        json!({
            "killed": {"status": "failure", "error": "stopped", "seconds": 5.5},
            "late": {"status": "success", "error": null, "seconds": 6.5},
            "resumed": {"status": "failure", "error": "stopped", "seconds": 5.5},
            "resumed#2": {"status": "success", "error": null, "seconds": 10.0},
        }),
    );
}

#[test]
fn an_agent_left_by_its_session_was_interrupted() {
    let write = |script: &mut Script| {
        for agent in ["open", "late", "ended"] {
            script.start(agent, 0.0);
        }
        script.stop("ended", 5.0);
        script.main(10.0, "SessionEnd", json!({"reason": "other"}));
        script.stop("late", 11.0);
        // The session is resumed, and ends once more.
        script.start("open", 60.0);
        script.stop("open", 61.0);
        script.start("again", 62.0);
        script.main(70.0, "SessionEnd", json!({"reason": "other"}));
        script.start("after", 80.0);
    };
    check(
        write,
        json!({
            "open": {"status": "failure", "error": "interrupted", "seconds": 10.0},
            "open#2": {"status": "success", "error": null, "seconds": 1.0},
            "late": {"status": "success", "error": null, "seconds": 11.0},
            "ended": {"status": "success", "error": null, "seconds": 5.0},
            "again": {"status": "failure", "error": "interrupted", "seconds": 8.0},
            "after": {"status": "running"},
        }),
    );
}

/// Two stops were lost, and a third turn was interrupted.
#[test]
fn a_turn_without_a_stop_ends_before_the_next_turn_of_its_agent() {
    let write = |script: &mut Script| {
        script.start("a", 0.0);
        script.write("a", &script.turn("a", 0.0, 100, 10));
        script.start("b", 0.0);
        script.start("c", 0.0);
        let mut interrupt = script.prompt("c", 2.0);
        interrupt["interruptedMessageId"] = "m".into();
        let asked = [
            script.prompt("c", 0.0),
            script.answer("c", 1.0, [7, 1, 0, 0, 0], &[("t", "Read")]),
            interrupt,
        ];
        script.write("c", &asked);
        for agent in ["a", "b", "c"] {
            script.start(agent, 12.0);
            script.stop(agent, 22.0);
            if agent != "b" {
                // A line is written a little before the hook of its turn.
                script.write(agent, &script.turn(agent, 11.95, 2_000, 200));
            }
        }
        script.main(40.0, "SessionEnd", json!({"reason": "other"}));
    };
    let next = json!({"status": "success", "seconds": 10.0, "tokens": [2_000, 200]});
    let stopped =
        |seconds: f64| json!({"status": "failure", "error": "interrupted", "seconds": seconds});
    let mut interrupted = stopped(2.0);
    interrupted["tokens"] = json!([7, 1]);
    check(
        write,
        json!({
            "a": {"status": "success", "seconds": 9.9, "tokens": [100, 10]}, "a#2": next,
            "b": stopped(12.0), "b#2": {"status": "success", "seconds": 10.0, "tokens": null},
            "c": interrupted, "c#2": next,
        }),
    );
}

#[test]
fn an_agent_in_two_sessions_has_a_transcript_in_each() {
    let write = |script: &mut Script| {
        let first = script.session.clone();
        for (at_s, input) in [(0.0, 100), (20.0, 300)] {
            script.start("a", at_s);
            script.stop("a", at_s + 10.0);
            script.write("a", &script.turn("a", at_s, input, 1));
        }
        script.session = format!("{first}-forked");
        script.start("a", 12.0);
        script.tool("a", 13.0, "Read", "t");
        script.stop("a", 15.0);
        script.write("a", &script.turn("a", 12.0, 7_000, 1));
        script.session = first;
    };
    check(
        write,
        json!({
            "a": {"tokens": [100, 1], "seconds": 10.0}, "a#2": {"tokens": [7_000, 1], "seconds": 3.0},
            "a#3": {"tokens": [300, 1], "seconds": 10.0},
        }),
    );
}

#[test]
fn a_clock_that_is_set_back_an_hour_loses_and_doubles_nothing() {
    const HOUR_S: f64 = 3_600.0;
    let write = |script: &mut Script| {
        script.start("a", 0.0);
        script.tool("a", 1.0, "Read", "t1");
        script.tool("a", 2.0 - HOUR_S, "Read", "t2");
        script.stop("a", 10.0 - HOUR_S);
        script.write(
            "a",
            &[
                script.prompt("a", 0.0),
                script.answer("a", 0.9, [10, 1, 0, 0, 0], &[("t1", "Read")]),
                script.answer("a", 1.9 - HOUR_S, [10, 1, 0, 0, 0], &[("t2", "Read")]),
                script.answer("a", 9.9 - HOUR_S, [80, 1, 0, 0, 0], &[]),
            ],
        );
        // Without a transcript.
        script.start("b", 0.0);
        script.tool("b", 1.0, "Bash", "t3");
        script.tool("b", 2.0 - HOUR_S, "Bash", "t4");
        script.stop("b", 10.0 - HOUR_S);
    };
    check(
        write,
        json!({
            "a": {"status": "success", "seconds": null, "tokens": [100, 3], "tool_calls": {"Read": 2}},
            "b": {"status": "success", "seconds": null, "tokens": null, "tool_calls": {"Bash": 2}},
        }),
    );
}

#[test]
fn hooks_that_are_no_run_are_counted_and_no_execution() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = crate::claude_code::captured::start(&roots);
    let counters = || -> Value {
        let output = daemon.command(&["status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        status["counters"].clone()
    };
    let mut script = Script::new(&roots, "x");
    // Of internal forks: one that never began, and one that has the id of a run that is over.
    script.stop_with("fork", 1.0, json!({"agent_type": ""}));
    script.start("a", 2.0);
    script.stop("a", 3.0);
    script.stop_with("a", 4.0, json!({"agent_type": ""}));
    let orphans = script.lines.clone();
    // Of the main thread, or not known.
    script.main(5.0, "StopFailure", json!({"error": "rate_limit"}));
    script.main(
        6.0,
        "Stop",
        json!({"background_tasks": [{"id": script.id("a")}]}),
    );
    script.main(
        7.0,
        "PreToolUse",
        json!({"tool_name": "Bash", "tool_use_id": "t"}),
    );
    script.main(
        8.0,
        "PostToolUse",
        json!({"tool_name": "Bash", "tool_use_id": "t"}),
    );
    script.main(9.0, "Whatever", json!({"agent_id": "b"}));
    // What lacks its fields.
    script.main(10.0, "SubagentStart", json!({}));
    script.main(11.0, "SubagentStop", json!({}));
    script.main(12.0, "SessionEnd", json!({"session_id": null}));
    script.of("c", 13.0, "PreToolUse", json!({}));
    script.of("c", 14.0, "PostToolUse", json!({}));
    script.of("c", 15.0, "TaskCompleted", json!({}));
    let (_, answer) = daemon.send(&script.lines);
    let ignored = script.lines.len() as u64 - 4;
    assert_eq!(
        (answer.totals.accepted, answer.totals.progress),
        (4, ignored)
    );
    let refused = [
        (json!({"agent_type": null}), "hook: agent_type is required"),
        (
            json!({"agent_id": 7}),
            "hook: agent_id must be 1..=256 bytes without control characters",
        ),
        (
            json!({"agent_id": "a#2"}),
            "hook: agent_id must not end as a turn",
        ),
        (
            json!({"hook_event_name": null}),
            "hook: payload.hook_event_name is required",
        ),
    ];
    for (more, reason) in refused {
        let mut script = Script::new(&roots, "y");
        script.of("a", 1.0, "SubagentStart", more);
        let (_, answer) = daemon.send(&script.lines);
        assert_eq!(answer.refusals[0].error, reason);
    }
    daemon.send(&orphans);
    eventually("one execution", || {
        script.holds(
            &daemon,
            &json!({"a": {"status": "success", "seconds": 1.0}}),
        )
    });
    let counters = counters();
    assert_eq!(counters["orphan_stops"], 2);
    assert_eq!(counters["events_ignored"], ignored);
    assert_eq!(counters["events_rejected"], 4);
}
