//! Tool calls of agents: heartbeats, counted where no transcript can be read, once each.

use serde_json::{Value, json};

use crate::claude_code::captured::start;
use crate::claude_code::numbers::agree;
use crate::claude_code::script::{Script, in_any_order};
use crate::harness::{Daemon, Setup, eventually, folder, now_ms};

#[test]
fn calls_count_once_where_there_is_no_transcript() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);
    let write = |script: &mut Script| {
        script.start("a", 0.0);
        for (number, tool) in (1..).zip(["Read", "Bash", "Read", "Edit"]) {
            script.tool("a", f64::from(number), tool, &format!("t{number}"));
        }
        // Reported by two hooks, and one that failed.
        script.of(
            "a",
            4.6,
            "PostToolUse",
            json!({"tool_name": "Edit", "tool_use_id": "t4"}),
        );
        let call = json!({"tool_name": "Bash", "tool_use_id": "t5"});
        script.of("a", 5.0, "PreToolUse", call.clone());
        script.of("a", 5.5, "PostToolUseFailure", call);
        script.stop("a", 9.0);
        script.start("a", 20.0);
        script.tool("a", 21.0, "Grep", "t6");
        script.stop("a", 29.0);
    };
    let expected = json!({
        "a": {"tool_calls": {"Bash": 2, "Edit": 1, "Read": 2}, "tool_errors": 1, "tokens": null},
        "a#2": {"tool_calls": {"Grep": 1}, "tool_errors": 0, "tokens": null},
    });
    in_any_order(&mut daemon, &roots, write, &expected);
    agree(&daemon);
}

fn active(daemon: &Daemon, id: &str) -> Result<Value, String> {
    let told = daemon.read("/api/agents/active")?;
    let all = told["active"].as_array().ok_or("no list")?;
    let one = all.iter().find(|one| one["agent_id"] == id);
    one.cloned().ok_or(format!("{id} does not run: {told}"))
}

#[test]
fn the_open_call_is_shown_and_what_ended_before_it_began_opens_nothing() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = start(&roots);
    let mut script = Script::new(&roots, "x");
    let shows = |script: &Script, tool: Value| {
        eventually("the call that is open", || {
            let one = active(&daemon, &script.id("a"))?;
            if one["current_tool"] == tool {
                Ok(())
            } else {
                Err(format!("{one} and not {tool}"))
            }
        });
    };
    script.start("a", 0.0);
    let calls = [("t1", "Read"), ("t2", "Bash")];
    for (use_id, tool) in calls {
        script.of(
            "a",
            1.0,
            "PreToolUse",
            json!({"tool_name": tool, "tool_use_id": use_id}),
        );
    }
    daemon.send(&script.lines);
    shows(&script, json!("Bash"));
    for ((use_id, tool), shown) in calls.into_iter().rev().zip([json!("Read"), Value::Null]) {
        script.lines.clear();
        script.of(
            "a",
            2.0,
            "PostToolUse",
            json!({"tool_name": tool, "tool_use_id": use_id}),
        );
        daemon.send(&script.lines);
        shows(&script, shown);
    }
    script.lines.clear();
    script.tool("a", 3.0, "Grep", "t3");
    script.lines.reverse();
    // The end overtakes its beginning, which also comes twice.
    script.lines.push(script.lines[1].clone());
    let (_, answer) = daemon.send(&script.lines);
    assert_eq!((answer.totals.accepted, answer.totals.progress), (1, 2));
    // Reported after it: by now the others have been checked.
    script.lines.clear();
    script.of(
        "a",
        4.0,
        "PreToolUse",
        json!({"tool_name": "Glob", "tool_use_id": "t4"}),
    );
    script.of(
        "a",
        5.0,
        "PostToolUse",
        json!({"tool_name": "Glob", "tool_use_id": "t4"}),
    );
    daemon.send(&script.lines);
    shows(&script, Value::Null);
}

/// The tool's time is longer than the whole test, the idle time is not.
#[test]
fn an_agent_with_an_open_call_is_given_the_time_of_a_tool() {
    let place = folder();
    let roots = place.path().join("projects");
    let roots_text = format!("[{:?}]", roots.display().to_string());
    let setup = Setup::new().set("transcript.roots", &roots_text);
    let daemon = setup.set("reaper.idle_timeout", "\"2s\"").start();
    let mut script = Script::at(&roots, "x", now_ms());
    let pre = |script: &mut Script, agent: &str, use_id: &str| {
        script.of(
            agent,
            0.2,
            "PreToolUse",
            json!({"tool_name": "Bash", "tool_use_id": use_id}),
        );
    };
    for agent in ["at-work", "idle", "done", "overtaken"] {
        script.start(agent, 0.0);
    }
    pre(&mut script, "at-work", "t1");
    script.tool("done", 0.1, "Bash", "t2");
    script.of(
        "overtaken",
        0.3,
        "PostToolUse",
        json!({"tool_name": "Bash", "tool_use_id": "t3"}),
    );
    pre(&mut script, "overtaken", "t3");
    script.write(
        "idle",
        &[
            script.prompt("idle", 0.0),
            script.answer("idle", 0.1, [7, 1, 0, 0, 0], &[("t", "Read")]),
        ],
    );
    daemon.send(&script.lines);
    let timeout = |calls: Value, tokens: Value| json!({"status": "timeout", "tool_calls": calls, "tokens": tokens, "seconds": null});
    // Calls count for who timed out as well, and a transcript is read for them.
    let mut expected = json!({
        "at-work": {"status": "running"},
        "idle": timeout(json!({"Read": 1}), json!([7, 1])),
        "done": timeout(json!({"Bash": 1}), Value::Null),
        "overtaken": timeout(json!({"Bash": 1}), Value::Null),
    });
    eventually("the idle ones are gone", || {
        script.holds(&daemon, &expected)
    });
    // What comes again is no heartbeat.
    let (_, again) = daemon.send(&script.lines[4..]);
    assert_eq!(again.totals.accepted, 0);
    script.holds(&daemon, &expected).expect("nobody is back");
    agree(&daemon);

    // Its call ends, and it falls silent. The session ends, and all of it was that.
    script.lines.clear();
    script.of(
        "at-work",
        0.9,
        "PostToolUse",
        json!({"tool_name": "Bash", "tool_use_id": "t1"}),
    );
    daemon.send(&script.lines);
    expected["at-work"] = timeout(json!({"Bash": 1}), Value::Null);
    eventually("it is gone as well", || script.holds(&daemon, &expected));
    script.lines.clear();
    script.main(1.5, "SessionEnd", json!({"reason": "other"}));
    daemon.send(&script.lines);
    for one in expected.as_object_mut().expect("an object").values_mut() {
        one["status"] = "failure".into();
        one["error"] = "interrupted".into();
        one["seconds"] = 1.5.into();
    }
    eventually("who had timed out was interrupted", || {
        script.holds(&daemon, &expected)
    });
    agree(&daemon);
}

/// Which calls are open is not kept over a restart; the time of a tool is longer than the test.
#[test]
fn a_call_that_was_open_when_the_daemon_was_killed_may_go_on() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = Setup::new().set("reaper.idle_timeout", "\"2s\"").start();
    let mut script = Script::at(&roots, "x", now_ms());
    script.start("at-work", 0.0);
    let call = json!({"tool_name": "Bash", "tool_use_id": "t1"});
    script.of("at-work", 0.2, "PreToolUse", call.clone());
    daemon.send(&script.lines);
    let plain = json!({"event": "start", "agent_id": "x-plain", "agent_name": "plain"});
    daemon.accept(&[plain]);
    daemon.kill9();
    daemon.restart();
    // By the time that a plain one has timed out, it would have as well.
    let mut expected = json!({"at-work": {"status": "running"}, "plain": {"status": "timeout"}});
    eventually("the plain one is gone", || script.holds(&daemon, &expected));
    let one = active(&daemon, "x-at-work").expect("it runs");
    assert_ne!(one["deadline"], Value::Null);
    script.lines.clear();
    script.of("at-work", 3.0, "PostToolUse", call);
    daemon.send(&script.lines);
    expected["at-work"]["status"] = "timeout".into();
    eventually("it fell silent after its call", || {
        script.holds(&daemon, &expected)
    });
}

#[test]
fn a_heartbeat_after_a_timeout_reopens_the_run_and_it_is_read_again() {
    let place = folder();
    let roots = place.path().join("projects");
    let roots_text = format!("[{:?}]", roots.display().to_string());
    let setup = Setup::new().set("transcript.roots", &roots_text);
    let daemon = setup
        .set("reaper.idle_timeout", "\"2s\"")
        .set("reaper.tool_timeout", "\"2s\"")
        .start();
    let mut script = Script::at(&roots, "x", now_ms());
    let lines = script.turn("a", 0.0, 100, 10);
    script.write("a", &lines[..2]);
    script.start("a", 0.0);
    daemon.send(&script.lines);
    let timed_out = json!({"a": {"status": "timeout", "tokens": [1, 0]}});
    eventually("it timed out and was read", || {
        script.holds(&daemon, &timed_out)
    });
    script.lines.clear();
    script.tool("a", 3.0, "Read", "t1");
    daemon.send(&script.lines);
    script.write("a", &lines[2..]);
    eventually("it is back", || {
        let one = script.executions(&daemon)?;
        match one.as_slice() {
            // On a busy machine it may have fallen silent again by now.
            [one] if one["status"] == "running" || one["token_usage"]["input_tokens"] == 100 => {
                Ok(())
            }
            other => Err(format!("{other:?}")),
        }
    });
    script.lines.clear();
    script.stop("a", 10.0);
    daemon.send(&script.lines);
    let stopped = json!({"a": {"status": "success", "tokens": [100, 10], "seconds": 10.0}});
    eventually("its stop replaces the timeout", || {
        script.holds(&daemon, &stopped)
    });
    agree(&daemon);
}

/// An agent that calls many tools is as quick in its last call as in its first: a line that takes a
/// hundred times as long would hold up the hooks of everybody.
#[test]
fn thousands_of_calls_and_their_repetition_are_taken_in() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);
    let mut script = Script::new(&roots, "x");
    script.start("a", 0.0);
    for number in 0..2_100 {
        let tool = ["Read", "Bash", "Edit"][number % 3];
        script.tool("a", number as f64, tool, &format!("t{number}"));
    }
    script.stop("a", 2_100.0);
    let (_, answer) = daemon.send(&script.lines);
    // Those beyond the bound are heartbeats and no more.
    assert_eq!(
        (answer.totals.accepted, answer.totals.progress),
        (2_002, 2_200)
    );
    let calls = json!({"Read": 667, "Bash": 667, "Edit": 666});
    let expected = json!({"a": {"status": "success", "tool_calls": calls}});
    eventually("the calls are there", || script.holds(&daemon, &expected));
    daemon.restart();
    let (_, again) = daemon.send(&script.lines);
    assert_eq!((again.totals.accepted, again.totals.duplicate), (0, 2_002));
    script
        .holds(&daemon, &expected)
        .expect("nothing has changed");
}

#[test]
fn a_hook_that_was_reported_once_is_known_for_ever() {
    let place = folder();
    let roots = place.path().join("projects");
    let roots_text = format!("[{:?}]", roots.display().to_string());
    let setup = Setup::new()
        .set("transcript.roots", &roots_text)
        .set("journal.keep_rows", "1");
    let mut daemon = setup.set("journal.keep", "\"1s\"").start();
    let mut script = Script::new(&roots, "x");
    script.launched(None, "a", 0.1);
    script.start("a", 0.0);
    script.tool("a", 1.0, "Read", "t1");
    script.launched(Some("a"), "b", 2.0);
    script.start("b", 2.1);
    script.stop_with("fork", 3.0, json!({"agent_type": ""}));
    script.stop("a", 5.0);
    script.start("a", 6.0);
    script.main(9.0, "SessionEnd", json!({"reason": "other"}));
    let told = script.lines.clone();
    let (_, first) = daemon.send(&told);
    assert_eq!(
        first.totals.accepted + first.totals.progress,
        told.len() as u64
    );
    let expected = json!({
        "a": {"status": "success"}, "a#2": {"error": "interrupted"}, "b": {"error": "interrupted"},
    });
    for round in 0..3 {
        eventually("the journal is pruned", || {
            script.holds(&daemon, &expected)?;
            let rows = journal_rows(&daemon);
            if rows <= 1 {
                Ok(())
            } else {
                Err(format!("{rows} rows"))
            }
        });
        let (_, again) = daemon.send(&told);
        assert_eq!(
            (again.totals.accepted, again.totals.rejected),
            (0, 0),
            "round {round}"
        );
        script
            .holds(&daemon, &expected)
            .expect("nothing has changed");
        daemon.restart();
    }
    agree(&daemon);
}

fn journal_rows(daemon: &Daemon) -> i64 {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let journal = rusqlite::Connection::open_with_flags(daemon.data.join("journal.db"), flags);
    let rows = journal.and_then(|journal| {
        journal.query_row("SELECT count(*) FROM journal", [], |row| row.get(0))
    });
    rows.expect("the journal can be read")
}
