//! What is answered of each agent, beside its file: what runs, what was counted, what others are in
//! its way. Numbers are computed by hand.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};

use super::home::{Home, agents, definition, refresh, shown, until, write};
use crate::harness::watcher::{STREAM, Seen, Watcher};
use crate::harness::{Daemon, eventually};
use crate::security::keys::create;

fn start(id: &str, name: &str, project: Option<&str>) -> Value {
    json!({"event": "start", "agent_id": id, "agent_name": name, "project": project})
}

pub fn stop(id: &str, name: &str, project: Option<&str>, status: &str, duration_ms: u64) -> Value {
    json!({"event": "stop", "agent_id": id, "agent_name": name, "project": project,
        "status": status, "duration_ms": duration_ms,
        "token_usage": {"input_tokens": 10, "output_tokens": 5, "estimated_cost": 0.5}})
}

fn values(rows: &[(&str, Value)]) -> Vec<(String, Value)> {
    rows.iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// A user with agents, of which one is in a project as well.
pub fn with_runs(home: &Home) -> Daemon {
    write(
        &home.user(),
        "writer",
        &definition("writer", "tools: Read, Bash(git:*)\npriority: 8\n"),
    );
    write(
        &home.user(),
        "reviewer",
        &definition("reviewer", "tools: Read\n"),
    );
    write(&home.user(), "idler", &definition("idler", ""));
    write(
        &home.of("shop"),
        "reviewer",
        &definition("reviewer", "model: opus\n"),
    );
    let daemon = home.setup().start();
    let shop = Some("~/shop");
    daemon.accept(&[
        stop("w1", "writer", None, "success", 1_000),
        stop("w2", "writer", shop, "success", 2_000),
        stop("w3", "writer", None, "failure", 3_000),
        stop("r1", "reviewer", shop, "success", 4_000),
        stop("r2", "reviewer", None, "success", 5_000),
        start("w4", "writer", None),
        start("r3", "reviewer", shop),
    ]);
    eventually("the runs are counted, and the project is known", || {
        refresh(&daemon);
        let all = daemon.read("/registry/agents?q=writer")?;
        let known = daemon.read("/registry/stats")?;
        let is_counted = all["agents"][0]["performance"]["total_tasks"] == 3;
        let is_known = known["projects"][1]["project"] == "~/shop";
        (is_counted && is_known)
            .then_some(())
            .ok_or(format!("{all} {known}"))
    });
    daemon
}

#[test]
fn each_definition_has_what_was_counted_of_it() {
    let home = Home::new();
    let daemon = with_runs(&home);
    let all = agents(&daemon, "");
    let rows = |field| shown(&all, field);
    // The project's own runs where a client takes that one.
    assert_eq!(
        all.iter()
            .map(|agent| agent["file_path"].clone())
            .collect::<Vec<_>>(),
        [
            "~/.claude/agents/idler.md",
            "~/.claude/agents/reviewer.md",
            "~/shop/.claude/agents/reviewer.md",
            "~/.claude/agents/writer.md",
        ]
    );
    assert_eq!(
        rows("/status"),
        values(&[
            ("idler", json!("idle")),
            ("reviewer", json!("idle")),
            ("reviewer", json!("active")),
            ("writer", json!("active")),
        ])
    );
    assert_eq!(
        rows("/performance/attribution"),
        values(&[
            ("idler", json!("name")),
            ("reviewer", json!("ambiguous")),
            ("reviewer", json!("ambiguous")),
            ("writer", json!("name")),
        ])
    );
    let writer = &all[3];
    for (field, value) in [
        ("/performance/total_tasks", json!(3)),
        ("/performance/task_success_rate", json!(0.6667)),
        ("/performance/error_count", json!(1)),
        ("/performance/avg_response_time_ms", json!(2_000)),
        ("/performance/reliability", json!(1.0)),
        ("/performance/total_tokens", json!(45)),
        ("/performance/estimated_cost", json!(1.5)),
        ("/resources/active_tasks", json!(1)),
        ("/config/tools", json!(["Read", "Bash(git:*)"])),
        ("/config/extra", json!({"priority": 8})),
        ("/effective", json!(true)),
    ] {
        assert_eq!(writer.pointer(field), Some(&value), "{field}");
    }
    assert!(writer["last_activity"].is_string());
    assert_eq!(all[0]["performance"]["task_success_rate"], Value::Null);

    // Of the project: what a client joins there, and what ran there.
    let shop = agents(&daemon, "&project=~/shop");
    assert_eq!(
        shown(&shop, "/effective"),
        values(&[
            ("idler", json!(true)),
            ("reviewer", json!(false)),
            ("reviewer", json!(true)),
            ("writer", json!(true)),
        ])
    );
    assert_eq!(shop[1]["shadowed_by"], "~/shop/.claude/agents/reviewer.md");
    assert_eq!(
        shown(&shop, "/performance/total_tasks"),
        values(&[
            ("idler", json!(0)),
            ("reviewer", json!(0)),
            ("reviewer", json!(1)),
            ("writer", json!(1)),
        ])
    );
    assert_eq!(
        shown(&shop, "/resources/active_tasks"),
        values(&[
            ("idler", json!(0)),
            ("reviewer", json!(0)),
            ("reviewer", json!(1)),
            ("writer", json!(0)),
        ])
    );
}

#[test]
fn the_list_is_filtered_and_sorted() {
    let home = Home::new();
    let daemon = with_runs(&home);
    let names = |query: &str| {
        let found = agents(&daemon, query);
        let names = found
            .iter()
            .map(|agent| agent["run_name"].as_str().expect("a name").to_owned());
        names.collect::<Vec<_>>().join(" ")
    };
    for (query, expected) in [
        ("&status=active&tools=Bash&priority=7", "writer"),
        ("&tools=Read,Bash", "idler reviewer writer"),
        ("&priority=9", ""),
        ("&q=does%20WRITER", "writer"),
        ("&scope=project", "reviewer"),
        ("&scope=plugin", ""),
        ("&sort=cost", "writer idler reviewer reviewer"),
        ("&sort=activity", "writer reviewer idler reviewer"),
        ("&sort=success&status=idle", "idler reviewer"),
        ("&type=generic&q=idler", "idler"),
    ] {
        assert_eq!(names(query), expected, "{query}");
    }
    let stats = daemon.read("/registry/stats").expect("an answer");
    assert_eq!(
        stats["agent_counts"],
        json!({"total": 4, "active": 2, "idle": 2, "error": 0, "maintenance": 0, "stale": 0,
            "by_scope": {"project": 1, "user": 3}})
    );
    assert_eq!(
        stats["projects"][0],
        json!({"project": null, "agents": 3, "description_tokens": 10})
    );
    let conflicts = daemon.read("/registry/conflicts").expect("an answer");
    assert_eq!(conflicts["total"], 1, "{conflicts}");
    let shadowed = &conflicts["conflicts"][0];
    assert_eq!(
        (&shadowed["code"], &shadowed["project"]),
        (&json!("shadowed"), &json!("~/shop"))
    );
    assert_eq!(shadowed["file_path"], "~/.claude/agents/reviewer.md");
}

#[test]
fn one_is_found_by_its_id_or_by_a_name_that_is_its_own() {
    let home = Home::new();
    let daemon = with_runs(&home);
    let one = daemon.read("/registry/agents/writer").expect("it is there");
    let id = one["agent_id"].as_str().expect("an id");
    assert_eq!(
        daemon
            .read(&format!("/api/registry/agents/{id}"))
            .expect("it, too"),
        one
    );
    assert_eq!(daemon.get("/registry/agents/nobody").status, 404);
    let several = daemon.get("/registry/agents/reviewer");
    assert_eq!(several.status, 409);
    let found = agents(&daemon, "&q=reviewer");
    for agent in &found {
        let id = agent["agent_id"].as_str().expect("an id");
        assert!(several.text().contains(id), "{}", several.text());
    }
    let of_shop = daemon
        .read("/registry/agents/reviewer?project=~/shop")
        .expect("one");
    assert_eq!(of_shop["config"]["model"], "opus");
}

#[test]
fn changes_are_told_to_who_waits() {
    let home = Home::new();
    write(&home.user(), "a", &definition("a", ""));
    let daemon = home.setup().start();
    let list = daemon.read("/registry/agents").expect("a list");
    let (seq, epoch) = (
        list["seq"].as_u64().expect("a number"),
        list["epoch"].clone(),
    );
    let path = |epoch: &str, seq: u64, wait: u32| {
        format!("/registry/changes?epoch={epoch}&since={seq}&wait={wait}")
    };
    let epoch = epoch.as_str().expect("a text");
    let nothing = daemon.read(&path(epoch, seq, 0)).expect("an answer");
    assert_eq!(nothing["events"], json!([]));
    let told = thread::scope(|scope| {
        let waiting = scope.spawn(|| daemon.read(&path(epoch, seq, 40)));
        write(&home.user(), "b", &definition("b", ""));
        waiting.join().expect("a thread").expect("an answer")
    });
    assert_eq!(told["events"][0]["kind"], "agent_registered", "{told}");
    assert_eq!(told["events"][0]["run_name"], "b");
    let seq = told["seq"].as_u64().expect("a number");
    write(&home.user(), "b", &definition("b", "color: red\n"));
    std::fs::remove_file(home.user().join("a.md")).expect("a file");
    refresh(&daemon);
    let told = daemon.read(&path(epoch, seq, 0)).expect("an answer");
    let event = |kind: &str| {
        let events = told["events"].as_array().expect("a list");
        let found = events.iter().find(|event| event["kind"] == kind);
        found.unwrap_or_else(|| panic!("{told}")).clone()
    };
    assert_eq!(event("agent_deregistered")["reason"], "deleted");
    let changed = event("agent_updated")["changed"].to_string();
    assert!(
        changed.contains("color") && changed.contains("version"),
        "{changed}"
    );
    for expired in [path("other", seq, 0), path(epoch, seq + 1_000, 0)] {
        assert_eq!(daemon.get(&expired).status, 410, "{expired}");
    }
}

#[test]
fn changes_are_sent_to_the_stream() {
    let home = Home::new();
    let daemon = home.setup().start();
    daemon
        .read("/registry/agents")
        .expect("it has been scanned");
    let mut watcher = Watcher::connect(&daemon, STREAM);
    let mut seen = Seen::first(&mut watcher);
    let mut events = || {
        let frame = seen.follow(&mut watcher);
        let elements = frame["data"].as_array().into_iter().flatten();
        let events = elements.filter(|one| one["kind"] == "definition");
        events
            .map(|one| one["definition"].clone())
            .collect::<Vec<_>>()
    };
    write(&home.user(), "a", &definition("a", ""));
    let mut next = || loop {
        if let [first, ..] = &events()[..] {
            return first.clone();
        }
    };
    assert_eq!(next()["run_name"], "a");
    std::fs::remove_file(home.user().join("a.md")).expect("a file");
    assert_eq!(next()["reason"], "deleted");
    // More than one frame holds, in their order.
    let many = home.path("many");
    for n in 0..100 {
        write(&many, &format!("b{n}"), &definition(&format!("b{n}"), ""));
    }
    std::fs::rename(many, home.user().join("many")).expect("a move");
    let (mut names, mut last) = (BTreeSet::new(), 0);
    while names.len() < 100 {
        let events = events();
        assert!(events.len() <= 64, "{}", events.len());
        for event in events {
            let seq = event["seq"].as_u64().expect("a number");
            assert!(seq > last, "{event}");
            last = seq;
            names.insert(event["run_name"].as_str().expect("a name").to_owned());
        }
    }
}

#[test]
fn a_key_that_may_read_may_ask_for_a_scan() {
    let home = Home::new();
    let daemon = home.setup().start();
    let read = format!("Bearer {}", create(&daemon, "reader", "read"));
    let ingest = format!("Bearer {}", create(&daemon, "sender", "ingest"));
    for (key, status) in [(&read, 200), (&ingest, 403)] {
        let held = [("authorization", key.as_str())];
        for (method, path) in [
            ("POST", "/registry/refresh"),
            ("POST", "/api/registry/refresh"),
            ("GET", "/registry/agents"),
            ("GET", "/registry/changes"),
        ] {
            let answer = daemon.request(method, path, &held, b"");
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        }
    }
    assert_eq!(daemon.get("/registry/stats").status, 401);
}

#[test]
fn what_is_out_of_use_is_named_by_the_settings() {
    let home = Home::new();
    write(&home.user(), "a", &definition("a", ""));
    write(&home.user(), "b", &definition("b", ""));
    let daemon = home.setup().set("registry.maintenance", "[\"a\"]").start();
    let all = until(&daemon, "both are there", |all| all.len() == 2);
    let expected = values(&[("a", json!("maintenance")), ("b", json!("idle"))]);
    assert_eq!(shown(&all, "/status"), expected);
}

/// A name with a secret in it is redacted alike in a file and in an event.
#[test]
fn an_agent_whose_name_is_redacted_has_its_executions() {
    let home = Home::new();
    let name = "ask-alice@corp.example";
    write(&home.user(), "ask", &definition(name, ""));
    let daemon = home.setup().start();
    daemon.accept(&[
        stop("a1", name, None, "success", 1_000),
        start("a2", name, None),
    ]);
    let all = eventually("its run is counted", || {
        let all = agents(&daemon, "");
        match all[0]["performance"]["total_tasks"] == 1 {
            true => Ok(all),
            false => Err(format!("{all:?}")),
        }
    });
    assert_eq!(all[0]["status"], "active");
    let shown = all[0].to_string();
    assert!(!shown.contains("alice"), "{shown}");
}
