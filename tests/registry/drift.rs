//! Where definitions and executions differ, each kind once.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::home::{Home, definition, refresh, write};
use crate::harness::events::Run;
use crate::harness::{Daemon, eventually, now_ms};

const DAY: i64 = 86_400_000;

fn ran(id: &str, name: &str, ended: i64, more: &[(&str, Value)]) -> [Value; 2] {
    let mut run = Run::new(id)
        .agent(name)
        .with("source", "claude-code")
        .with("model", "claude-haiku-4-5-20251001");
    for (field, value) in more {
        run = run.with(field, value.clone());
    }
    let run = run.began(ended - 1_000).ended(ended);
    let run = run.called(json!({"Read": 2}));
    [run.start(), run.stop()]
}

/// By their kinds: the names with the executions.
fn rows(daemon: &Daemon, query: &str) -> BTreeMap<String, Vec<(String, i64)>> {
    let answer = daemon
        .read(&format!("/registry/drift{query}"))
        .expect("an answer");
    let mut rows: BTreeMap<String, Vec<(String, i64)>> = BTreeMap::new();
    for row in answer["drift"].as_array().expect("a list") {
        let text = |field: &str| row[field].as_str().expect("a text").to_owned();
        let count = row["executions"].as_i64().expect("a number");
        rows.entry(text("code"))
            .or_default()
            .push((text("run_name"), count));
    }
    rows
}

fn named(rows: &[(&str, &[(&str, i64)])]) -> BTreeMap<String, Vec<(String, i64)>> {
    let names = |names: &[(&str, i64)]| {
        let names = names
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        names.collect()
    };
    rows.iter()
        .map(|(kind, of)| ((*kind).to_owned(), names(of)))
        .collect()
}

#[test]
fn each_difference_is_found_and_nothing_else() {
    let home = Home::new();
    for (name, more) in [
        ("right", "model: haiku\ntools: Read\n"),
        ("wrong-model", "model: opus\n"),
        ("too-many-tools", "tools: Read, Bash(git:*), mcp__db\n"),
        ("old", ""),
        ("never", ""),
        ("young", ""),
        ("twice", ""),
        ("breaks", ""),
        ("removed", ""),
    ] {
        write(&home.user(), name, &definition(name, more));
    }
    write(&home.of("shop"), "twice", &definition("twice", ""));
    let mut daemon = home.setup().start();
    refresh(&daemon);
    write(&home.user(), "breaks", "---\nname: [\n---\n");
    std::fs::remove_file(home.user().join("removed.md")).expect("a file");
    refresh(&daemon);
    assert_eq!(daemon.sigterm().code(), Some(0));
    let conn = Connection::open(daemon.data.join("registry.db")).expect("a database");
    let aged = format!(
        "UPDATE definitions SET created_ms = created_ms - {} WHERE run_name != 'young'",
        8 * DAY
    );
    conn.execute_batch(&aged).expect("it can be written");
    drop(conn);
    daemon.restart();

    let now = now_ms();
    let shop = [("project", json!("~/shop"))];
    let mut events = Vec::new();
    for n in 0..20 {
        let of = |name: &str| ran(&format!("{name}{n}"), name, now - 1_000 * n, &[]);
        events.extend(["right", "wrong-model", "too-many-tools"].map(of).concat());
    }
    for n in 0..3 {
        let id = format!("t{n}");
        events.extend(ran(&id, "twice", now - 1_000, &shop));
        events.extend(ran(&format!("s{n}"), "stranger", now - 1_000, &[]));
    }
    events.extend(ran("o", "old", now - 31 * DAY, &[]));
    events.extend(ran("r", "removed", now - 1_000, &[]));
    events.extend(ran("g", "general-purpose", now - 1_000, &[]));
    // Of another program, which has no definitions here.
    let other = Run::new("py").agent("script").with("source", "python");
    events.extend([other.start(), other.stop()]);
    daemon.accept(&events);
    let expected = named(&[
        ("model_differs", &[("wrong-model", 20)]),
        ("never_ran", &[("never", 0)]),
        ("ran_undefined", &[("removed", 1), ("stranger", 3)]),
        ("shadowed_but_run", &[("twice", 3)]),
        ("stale", &[("old", 0)]),
        ("tools_unused", &[("too-many-tools", 20)]),
    ]);
    eventually(
        "history has the executions, and the project is known",
        || {
            refresh(&daemon);
            let found = rows(&daemon, "?days=7");
            (found == expected)
                .then_some(())
                .ok_or(format!("{found:?}"))
        },
    );
    let some = rows(&daemon, "?days=7&code=stale");
    assert_eq!(some.keys().collect::<Vec<_>>(), ["stale"]);
    let page = daemon
        .read("/api/registry/drift?days=7&limit=1&offset=1")
        .expect("a page");
    assert_eq!(page["drift"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&page["total"], &page["is_whole"]),
        (&json!(7), &json!(true))
    );
    let message = |kind: &str| {
        let path = format!("/registry/drift?days=7&code={kind}");
        let answer = daemon.read(&path).expect("an answer");
        answer["drift"][0]["message"]
            .as_str()
            .expect("a text")
            .to_owned()
    };
    assert!(
        message("ran_undefined").contains("removed at 20"),
        "{}",
        message("ran_undefined")
    );
    assert_eq!(
        message("shadowed_but_run"),
        "~/shop/.claude/agents/twice.md is taken for it"
    );
    let tools = "none of 20 executions called Bash(git:*), mcp__db";
    assert_eq!(message("tools_unused"), tools);
    let wrong = daemon.get("/registry/drift?code=odd");
    assert!(
        wrong
            .text()
            .contains("code must be one of broken, ran_undefined")
    );
}

/// One that breaks while it is followed: after a start nothing is known of before.
#[test]
fn a_definition_that_breaks_is_found() {
    let home = Home::new();
    write(&home.user(), "breaks", &definition("breaks", ""));
    let daemon = home.setup().start();
    refresh(&daemon);
    assert_eq!(rows(&daemon, ""), named(&[]));
    write(&home.user(), "breaks", "---\nname: [\n---\n");
    refresh(&daemon);
    assert_eq!(rows(&daemon, ""), named(&[("broken", &[("breaks", 0)])]));
}
