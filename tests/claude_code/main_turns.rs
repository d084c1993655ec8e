//! Turns of the main thread that no stop of their own ends, and prompts that are none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::claude_code::captured::start;
use crate::claude_code::script::Script;
use crate::harness::{eventually, folder, now_ms};

/// Each of four lines at each place.
fn orders() -> Vec<[usize; 4]> {
    let mut orders = Vec::new();
    for code in 0..256 {
        let order = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6];
        if (0..4).all(|line| order.contains(&line)) {
            orders.push(order);
        }
    }
    orders
}

#[test]
fn a_turn_ends_by_what_came_next_however_late_that_is_told() {
    let place = folder();
    let mut daemon = start(&place.path().join("projects"));
    let mut scripts = Vec::new();
    for (n, order) in orders().into_iter().enumerate() {
        let mut script = Script::new(place.path(), &format!("s{n}"));
        for (at_s, prompt) in [(0.0, "a"), (10.0, "b"), (25.0, "c")] {
            let prompt_id = json!({"prompt_id": format!("{n}-{prompt}")});
            script.main(at_s, "UserPromptSubmit", prompt_id);
        }
        script.main(45.0, "SessionEnd", json!({"reason": "other"}));
        for line in order {
            daemon.send(&script.lines[line..=line]);
        }
        daemon.send(&script.lines);
        scripts.push((n, order));
        if n == 11 {
            daemon.kill9();
            daemon.restart();
        }
    }
    for (n, order) in scripts {
        for (prompt, seconds) in [("a", 10), ("b", 15), ("c", 20)] {
            let path = format!("/api/agents/executions/main-{n}-{prompt}");
            eventually(&format!("{path}, {order:?}"), || {
                let one = daemon.read(&path)?;
                let found = json!([
                    one["duration_ms"],
                    one["error_details"]["type"],
                    one["kind"]
                ]);
                match found == json!([seconds * 1_000, "interrupted", "main"]) {
                    true => Ok(()),
                    false => Err(found.to_string()),
                }
            });
        }
    }
}

#[test]
fn a_prompt_that_makes_no_id_begins_no_turn_and_harms_nothing_else() {
    let place = folder();
    let daemon = start(&place.path().join("projects"));
    let mut script = Script::new(place.path(), "x");
    for prompt_id in ["p#2", &"p".repeat(129), ""] {
        script.main(0.0, "UserPromptSubmit", json!({"prompt_id": prompt_id}));
        let started = script.of("a", 1.0, "SubagentStart", Value::Null);
        started["prompt_id"] = prompt_id.into();
    }
    script.stop("a", 5.0);
    let (_, answer) = daemon.send(&script.lines);
    assert_eq!(answer.totals.rejected, 0);
    eventually("only the agent was counted", || {
        let list = daemon.read("/api/agents/executions")?["executions"].clone();
        let found = list.as_array().expect("a list").iter();
        let found: Vec<_> = found
            .map(|one| (&one["agent_id"], &one["parent_agent_id"]))
            .collect();
        match found == [(&Value::from(script.id("a")), &Value::Null)] {
            true => Ok(()),
            false => Err(list.to_string()),
        }
    });
}

#[test]
fn an_agent_that_its_user_stopped_ends_by_the_file_beside_its_transcript() {
    let place = folder();
    let mut script = Script::at(place.path(), "x", now_ms() - 5_000);
    script.start("a", 0.0);
    script.start("b", 0.0);
    let call = script.answer("a", 1.0, [5, 1, 0, 0, 0], &[("t1", "Bash")]);
    for agent in ["a", "b"] {
        script.write(agent, &[script.prompt(agent, 0.0), call.clone()]);
        script.beside(agent, &json!({"agentType": "probe", "spawnDepth": 1}));
    }
    let daemon = start(place.path());
    daemon.send(&script.lines);
    let running = || {
        let active = daemon.read("/api/agents/active")?["active"].clone();
        let ids = active.as_array().ok_or("no list")?.iter();
        let ids: BTreeSet<_> = ids.map(|one| one["agent_id"].to_string()).collect();
        Ok::<_, String>(ids)
    };
    let only = |agents: &[&str]| -> BTreeSet<_> {
        let ids = agents.iter().map(|agent| script.id(agent));
        ids.map(|id| Value::from(id).to_string()).collect()
    };
    eventually("both run", || match running()? == only(&["a", "b"]) {
        true => Ok(()),
        false => Err("not both".to_owned()),
    });
    let stopped = json!({"agentType": "probe", "spawnDepth": 1, "stoppedByUser": true});
    script.beside("a", &stopped);
    eventually("only the other runs", || {
        let found = running()?;
        match found == only(&["b"]) {
            true => Ok(()),
            false => Err(format!("{found:?}")),
        }
    });
    let path = format!("/api/agents/executions/{}", script.id("a"));
    eventually("its end", || {
        let one = daemon.read(&path)?;
        match one["error_details"]["type"] == "interrupted" {
            true => Ok(()),
            false => Err(one.to_string()),
        }
    });
}
