//! No text of a prompt, a file, a tool's output or a message reaches a file, Redis, a log or a
//! client, by whichever way a payload comes.

use std::fs::File;
use std::io::Write;

use serde_json::{Value, json};

use crate::claude_code::captured::start;
use crate::claude_code::script::Script;
use crate::harness::bytes::{holds, search};
use crate::harness::hook_program;
use crate::harness::{Daemon, Setup, eventually, folder};

/// Nothing that any part would make by itself.
const MARK: &str = "Quokka7Marmalade";

fn marked(place: &str) -> String {
    format!("{MARK}-{place}")
}

/// A run of which every text carries the mark; its ids and paths do not.
fn run(script: &mut Script, agent: &str) {
    let text = |place: &str| -> Value { marked(place).into() };
    script.main(
        0.0,
        "SessionStart",
        json!({"source": text("source"), "model": text("model")}),
    );
    script.main(0.1, "UserPromptSubmit", json!({"prompt": text("prompt")}));
    let input = json!({"description": text("description"), "prompt": text("prompt"),
        "content": text("content"), "command": text("command")});
    let launch = json!({"tool_name": "Agent", "tool_use_id": "launch", "tool_input": input,
        "tool_response": {"agentId": script.id(agent), "prompt": text("prompt"),
            "content": [{"type": "text", "text": text("answer")}]}});
    script.main(0.2, "PreToolUse", launch.clone());
    script.main(0.3, "PostToolUse", launch);
    script.start(agent, 1.0);
    for (number, tool) in (0..).zip(["Write", "Bash", "TaskStop"]) {
        let call = json!({"tool_name": tool, "tool_use_id": format!("{agent}-{tool}"),
            "tool_input": input, "tool_response": {"stdout": text("stdout"), "file": input}});
        script.of(agent, 2.0 + f64::from(number), "PreToolUse", call.clone());
        script.of(agent, 2.5 + f64::from(number), "PostToolUse", call);
    }
    let failure = json!({"tool_name": "Bash", "tool_use_id": format!("{agent}-f"),
        "error": text("error"), "tool_input": input});
    script.of(agent, 6.0, "PostToolUseFailure", failure);
    let last = json!({"last_assistant_message": text("last"), "background_tasks":
        [{"id": "x", "description": text("task")}]});
    script.stop_with(agent, 9.0, last.clone());
    script.main(9.5, "Stop", last);
    script.main(
        9.6,
        "Notification",
        json!({"message": text("notification")}),
    );
}

fn transcript(script: &Script, agent: &str) {
    let mut lines = script.turn(agent, 0.0, 100, 10);
    lines[0]["message"]["content"] = marked("transcript").into();
    lines[1]["message"]["content"][0]["input"] = json!({"command": marked("input")});
    lines[2]["message"]["content"][0]["content"] = marked("result").into();
    lines[2]["toolUseResult"] = json!({"stdout": marked("toolUseResult")});
    lines[3]["message"]["content"] = json!([{"type": "text", "text": marked("text")}]);
    script.write(agent, &lines);
    script.beside(
        agent,
        &json!({"agentType": "probe", "prompt": marked("sidecar")}),
    );
}

#[test]
fn no_text_of_a_payload_or_a_transcript_is_ever_seen_again() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);
    let mut script = Script::at(&roots, "x", crate::harness::now_ms() - 10_000);
    let agents = ["program", "spool", "http", "socket"];
    for agent in agents {
        transcript(&script, agent);
    }
    run(&mut script, "program");
    for line in script.lines.drain(..) {
        hook_program::run(&daemon, &line["payload"]);
    }
    run(&mut script, "http");
    for line in script.lines.drain(..) {
        let body = line["payload"].to_string();
        daemon.request("POST", "/api/hooks/claude-code", &[], body.as_bytes());
    }
    // A client of the socket that projects nothing, and lines that are refused.
    run(&mut script, "socket");
    daemon.send(&script.lines);
    let mut refused = script.lines.split_off(script.lines.len() - 1);
    refused[0]["payload"]["agent_id"] = 7.into();
    refused[0]["payload"]["hook_event_name"] = "SubagentStop".into();
    let torn = refused[0].to_string();
    daemon.tell(format!("{}\n{}\n\"{MARK}\"\n", refused[0], &torn[..torn.len() - 9]).as_bytes());
    script.lines.clear();
    daemon.kill9();
    run(&mut script, "spool");
    for line in script.lines.drain(..) {
        hook_program::run(&daemon, &line["payload"]);
    }
    assert!(
        search(&daemon.data.join("spool"), MARK) > 10,
        "it lies in the spool"
    );
    daemon.restart();
    // Files of the spool that nobody understands stay out of the log as well.
    let file = daemon.data.join("spool/00000000000000000001-x.json");
    File::create(file)
        .and_then(|mut file| file.write_all(torn.as_bytes()))
        .expect("a file");

    let expected = agents.map(|agent| (agent, json!({"tokens": [100, 10], "status": "success"})));
    let expected: Value = expected
        .into_iter()
        .map(|(id, one)| (id.to_owned(), one))
        .collect();
    eventually("the runs are there", || {
        script.holds(&daemon, &expected)?;
        let left = std::fs::read_dir(daemon.data.join("spool"))
            .expect("the spool")
            .count();
        if left == 0 {
            Ok(())
        } else {
            Err(format!("{left} files in the spool"))
        }
    });
    daemon.redis(&["SAVE"]);
    assert!(search(daemon.folder.path(), MARK) > 5, "files were read");
    in_redis(&daemon, MARK);
    let output = daemon.command(&["status"]).stdout;
    assert!(!holds(&output, MARK));
    for path in [
        "/api/agents/executions?limit=500",
        "/api/agents/active",
        "/metrics",
        "/api/agents/errors/probe",
        "/api/agents/metrics/current",
        "/api/agents/tools/usage",
    ] {
        let answer = daemon.get(path);
        assert!(
            answer.status == 200 && !holds(&answer.body, MARK),
            "{path}: {}",
            answer.text()
        );
    }
}

/// Where the agents' own transcripts lie, by their stops.
fn with_path(lines: &mut [Value], path: &str) {
    for line in lines {
        for field in ["transcript_path", "agent_transcript_path"] {
            line["payload"][field] = path.into();
        }
    }
}

#[test]
fn a_path_is_in_the_databases_alone_and_one_with_a_secret_is_nowhere() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = start(&roots);
    let mut script = Script::at(&roots, "x", crate::harness::now_ms() - 10_000);
    let secret = format!("/srv/shop password={MARK}1/{MARK}.jsonl");
    let broken = format!("/srv/shop\n{MARK}/{MARK}.jsonl");
    for (way, path) in [("a", &secret), ("b", &broken)] {
        for by in ["program", "http", "socket"] {
            let agent = format!("{way}-{by}");
            script.start(&agent, 1.0);
            script.stop(&agent, 2.0);
            with_path(&mut script.lines, path);
            for line in script.lines.drain(..) {
                match by {
                    "program" => hook_program::run(&daemon, &line["payload"]),
                    "socket" => drop(daemon.send(&[line])),
                    _ => {
                        let body = line["payload"].to_string();
                        daemon.request("POST", "/api/hooks/claude-code", &[], body.as_bytes());
                    }
                }
            }
        }
    }
    script.write("plain", &script.turn("plain", 1.0, 100, 10));
    script.start("plain", 1.0);
    script.stop("plain", 9.0);
    daemon.send(&script.lines);

    eventually(
        "the runs have ended, and those with a secret say why",
        || {
            let runs = script.executions(&daemon)?;
            let why: Vec<&str> = runs
                .iter()
                .filter_map(|run| run["unreadable"].as_str())
                .collect();
            let is_said = why.iter().all(|why| why.contains("looks like a secret"));
            let is_read = runs
                .iter()
                .any(|run| run["token_usage"]["input_tokens"] == 100);
            let is_done = runs.len() == 7 && why.len() == 3 && is_said && is_read;
            is_done.then_some(()).ok_or(format!("{runs:#?}"))
        },
    );
    eventually("the spool is taken", || {
        let folder = std::fs::read_dir(daemon.data.join("spool"));
        let left = folder.map_or(0, Iterator::count);
        (left == 0).then_some(()).ok_or(format!("{left} files"))
    });
    daemon.redis(&["SAVE"]);
    assert!(search(daemon.folder.path(), MARK) > 5, "files were read");
    in_redis(&daemon, MARK);
    let path = script.transcript("plain").display().to_string();
    in_redis(&daemon, &path);
    search(&daemon.data.join("redis"), &path);
    for asked in [
        "/api/agents/executions?limit=500",
        "/api/agents/errors/probe",
    ] {
        let answer = daemon.get(asked);
        assert!(
            !holds(&answer.body, &path) && !holds(&answer.body, "/srv"),
            "{asked}"
        );
    }
}

/// What the setting keeps of a project is decided before anything is written.
#[test]
fn a_project_that_is_not_to_be_named_is_on_no_disk() {
    for (setting, named) in [("hash", true), ("off", false)] {
        let place = folder();
        let roots = place.path().join("projects");
        let mut daemon = Setup::new()
            .set("transcript.roots", &format!("[{roots:?}]"))
            .set("privacy.projects", &format!("{setting:?}"))
            .start();
        let mut script = Script::new(&roots, "x");
        let mut lines = script.turn("hooked", 1.0, 100, 10);
        let work = format!("/srv/{MARK}/shop");
        lines
            .iter_mut()
            .for_each(|line| line["cwd"] = work.as_str().into());
        script.write("hooked", &lines);
        script.start("hooked", 1.0);
        script.stop("hooked", 11.0);
        daemon.send(&script.lines);
        daemon.send(&[
            json!({"event": "start", "agent_id": "x-runs", "agent_name": "a",
            "project": work}),
        ]);
        daemon.send(&[
            json!({"event": "stop", "agent_id": "x-plain", "agent_name": "a",
            "project": work}),
        ]);
        let hash = eventually("all are there, of one project", || {
            let runs = script.executions(&daemon)?;
            let is_read = |run: &Value| run["token_usage"]["input_tokens"] == 100;
            let projects: Vec<&Value> = runs.iter().map(|run| &run["project"]).collect();
            let is_one = projects.iter().all(|project| *project == projects[0]);
            match runs.len() == 3 && runs.iter().any(is_read) && is_one {
                true => Ok(projects[0].clone()),
                false => Err(format!("{runs:#?}")),
            }
        });
        assert_eq!(hash.is_string(), named, "{hash}");
        daemon.kill9();
        daemon.restart();
        eventually("the live view is whole", || daemon.read("/ready").map(drop));
        daemon.redis(&["SAVE"]);
        assert!(search(daemon.folder.path(), MARK) > 5, "files were read");
        in_redis(&daemon, MARK);
    }
}

/// Every value of every key.
fn in_redis(daemon: &Daemon, text: &str) {
    let keys = daemon.redis(&["KEYS", "*"]).texts();
    assert!(keys.len() > 5, "{keys:?}");
    for key in &keys {
        let value = match daemon.redis(&["TYPE", key]).text().as_str() {
            "string" => daemon.redis(&["GET", key]).text(),
            "list" => daemon.redis(&["LRANGE", key, "0", "-1"]).texts().concat(),
            "hash" => daemon.redis(&["HGETALL", key]).texts().concat(),
            "set" => daemon.redis(&["SMEMBERS", key]).texts().concat(),
            "zset" => daemon.redis(&["ZRANGE", key, "0", "-1"]).texts().concat(),
            other => panic!("{key} is a {other}"),
        };
        assert!(
            !value.contains(text) && !key.contains(text),
            "{key}: {value}"
        );
    }
}
