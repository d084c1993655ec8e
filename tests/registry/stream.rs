//! The stream of the registry: each change with the whole agent, its numbers as they move, alerts.

use std::fs;

use serde_json::{Value, json};

use super::home::{Home, definition, until, write};
use crate::harness::watcher::Watcher;
use crate::harness::{Daemon, Run, now_ms};

const PATHS: [&str; 2] = ["/registry/stream", "/api/registry/stream"];

/// The next message of this type, and those before it.
#[track_caller]
fn next(watcher: &mut Watcher, kind: &str) -> (Value, Vec<Value>) {
    let mut before = Vec::new();
    loop {
        let message = watcher.read();
        match message["type"] == kind {
            true => return (message["data"].clone(), before),
            false => before.push(message),
        }
    }
}

fn ended(id: &str, agent: &str, status: &str) -> Value {
    let ended = now_ms() - 1_000;
    let run = Run::new(id).agent(agent).began(ended - 2_000).ended(ended);
    run.status(status).stop()
}

fn opened(daemon: &Daemon, path: &str) -> (Watcher, Value) {
    let mut watcher = Watcher::connect(daemon, path);
    let first = watcher.read();
    assert_eq!(first["type"], "definitions", "{first}");
    (watcher, first["data"].clone())
}

#[test]
fn each_change_of_an_agent_and_of_its_numbers_is_sent() {
    let home = Home::new();
    write(&home.user(), "writer", &definition("writer", ""));
    let setup = home.setup().set("alerts.definition_broken.for", "\"0s\"");
    let daemon = setup.start();
    until(&daemon, "it is there", |all| all.len() == 1);
    let (mut watcher, first) = opened(&daemon, PATHS[0]);
    let (mut other, of_other) = opened(&daemon, PATHS[1]);
    let listed = daemon.read("/registry/agents").expect("the list");
    assert_eq!(first, of_other);
    for field in ["seq", "epoch"] {
        assert_eq!(first[field], listed[field], "{field}");
    }

    write(
        &home.user(),
        "tester",
        &definition("tester", "model: opus\n"),
    );
    let (registered, before) = next(&mut watcher, "agent_registered");
    assert_eq!(before, [] as [Value; 0]);
    let of_list = || {
        let list = daemon.read("/registry/agents").expect("the list");
        let agents = list["agents"].as_array().expect("agents").clone();
        let tester = agents.into_iter().find(|one| one["name"] == "tester");
        tester.expect("the agent")
    };
    let tester = of_list();
    assert_eq!(registered["agent"], tester);
    assert_eq!(next(&mut other, "agent_registered").0, registered);

    write(
        &home.user(),
        "tester",
        &definition("tester", "model: haiku\n"),
    );
    let (updated, _) = next(&mut watcher, "agent_updated");
    assert_eq!(updated["agent_id"], tester["agent_id"]);
    assert_eq!(updated["agent"]["config"]["model"], "haiku");
    let changed = updated["changed"].as_array().expect("fields");
    assert!(changed.contains(&json!("model")), "{updated}");

    daemon.accept(&[
        ended("a", "tester", "success"),
        ended("b", "tester", "failure"),
        ended("c", "nobody", "success"),
    ]);
    let (moved, _) = next(&mut watcher, "performance_update");
    let agents = moved["agents"].as_array().expect("agents");
    assert_eq!(agents.len(), 1, "of one that nobody defines there is none");
    assert_eq!(agents[0]["agent_id"], tester["agent_id"]);
    let performance = &agents[0]["performance"];
    assert_eq!(performance["total_tasks"], 2);
    assert_eq!(performance["task_success_rate"], 0.5);
    assert_eq!(*performance, of_list()["performance"]);

    write(&home.user(), "writer", "---\nname: [\n---\n");
    let (alert, _) = next(&mut watcher, "resource_alert");
    assert_eq!(alert["alert"]["rule"], "definition_broken");
    assert_eq!(alert["alert"]["state"], "firing");
    assert_eq!(alert["alert"]["subject"], "writer");

    fs::remove_file(home.user().join("tester.md")).expect("a file");
    let (gone, _) = next(&mut watcher, "agent_deregistered");
    let expected = ["agent_id", "name", "reason"].map(|field| gone[field].clone());
    assert_eq!(expected[0], tester["agent_id"]);
    assert_eq!(expected[1..], [json!("tester"), json!("deleted")]);
}

#[test]
fn who_was_not_sent_all_is_sent_to_the_list() {
    let home = Home::new();
    write(&home.user(), "a0", &definition("a0", ""));
    let daemon = home.setup().start();
    until(&daemon, "it is there", |all| all.len() == 1);
    let (mut watcher, first) = opened(&daemon, PATHS[0]);
    // More than are kept.
    for n in 1..1_200 {
        write(
            &home.user(),
            &format!("a{n}"),
            &definition(&format!("a{n}"), ""),
        );
    }
    until(&daemon, "all are there", |all| all.len() == 500);
    let mut known: u64 = first["seq"].as_u64().expect("a number");
    let mut registered = 0;
    // Messages follow each other without a gap, or the list is to be read again.
    while registered + 1 < 1_200 {
        let message = watcher.read();
        let data = &message["data"];
        let seq = data["seq"].as_u64().expect("a number");
        match message["type"].as_str() {
            Some("agent_registered") => {
                assert_eq!(seq, known + 1);
                registered += 1;
            }
            Some("definitions") => {
                let list = daemon.read("/registry/agents?limit=1").expect("the list");
                let total = list["total"].as_u64().expect("a number");
                assert!(list["seq"].as_u64() >= Some(seq));
                registered = total - 1;
            }
            _ => panic!("{message}"),
        }
        known = seq;
    }
}
