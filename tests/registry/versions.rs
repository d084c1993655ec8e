//! What each version of a definition did: numbers computed by hand.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::home::{Home, counter, definition, refresh, write};
use crate::harness::events::Run;
use crate::harness::{Daemon, eventually, now_ms};

const MINUTE: i64 = 60_000;

fn writer(daemon: &Daemon, query: &str) -> Value {
    let path = format!("/registry/agents/writer?{query}");
    daemon.read(&path).expect("the agent")
}

fn edit(home: &Home, more: &str) {
    write(&home.user(), "writer", &definition("writer", more));
}

/// Of each version what was counted, the newest first.
fn counted(agent: &Value) -> Vec<Value> {
    let versions = agent["versions"]["versions"].as_array().expect("versions");
    let row = |one: &Value| json!([one["changed"], one["executions"], one["success_rate"]]);
    versions.iter().map(row).collect()
}

/// The second version began ten minutes ago, the first an hour ago.
fn age(data: &Path, now: i64) {
    let conn = Connection::open(data.join("registry.db")).expect("a database");
    let moved = conn.execute_batch(&format!(
        "UPDATE versions SET from_ms = {first}, until_ms = {second} WHERE until_ms IS NOT NULL;
         UPDATE versions SET from_ms = {second} WHERE until_ms IS NULL;
         UPDATE definitions SET created_ms = {first};",
        first = now - 60 * MINUTE,
        second = now - 10 * MINUTE,
    ));
    moved.expect("it can be written");
}

fn run(id: &str, project: &str, began: i64, took: i64, status: &str) -> [Value; 2] {
    let run = Run::new(id).agent("writer").with("project", project);
    let run = run.began(began).ended(began + took).status(status);
    let run = run.stops_with("token_usage", json!({"input_tokens": took / 10}));
    [run.start(), run.stop()]
}

/// A daemon whose `writer` has two versions with executions.
pub fn edited() -> (Home, Daemon) {
    let home = Home::new();
    edit(&home, "model: opus\n");
    let mut daemon = home.setup().start();
    refresh(&daemon);
    edit(&home, "model: haiku\ntools: Read\n");
    refresh(&daemon);
    daemon.kill9();
    let now = now_ms();
    age(&daemon.data, now);
    daemon.respawn();
    daemon.wait_ready();

    let ago = |minutes: i64| now - minutes * MINUTE;
    let shop = "~/shop";
    let events = [
        run("b0", shop, ago(70), 1_000, "success"),
        run("a1", shop, ago(50), 10_000, "success"),
        run("a2", shop, ago(40), 20_000, "failure"),
        run("a3", shop, ago(30), 30_000, "success"),
        run("u1", shop, ago(10) + 2_000, 1_000, "success"),
        run("c1", shop, ago(9), 40_000, "success"),
        run("c2", shop, ago(8), 60_000, "success"),
    ];
    daemon.accept(&events.concat());
    eventually("the executions are counted", || {
        let agent = writer(&daemon, "by=version");
        let is_counted = agent["versions"]["others"] == 1 && counted(&agent)[0][1] == 2;
        is_counted.then_some(()).ok_or(agent.to_string())
    });
    (home, daemon)
}

#[test]
fn an_edit_divides_the_executions_before_it_from_those_after() {
    let (_home, daemon) = edited();
    let agent = writer(&daemon, "by=version");
    assert_eq!(
        counted(&agent),
        [json!([["model", "tools"], 2, 1.0]), json!([[], 3, 0.6667])]
    );
    let newest = &agent["versions"]["versions"][0];
    assert_eq!(newest["version"], agent["version"]);
    assert_eq!(newest["tokens_per_execution"], 5_000);
    assert_eq!(newest["until"], Value::Null);
    // Wilson's interval of 2 of 2 and of 2 of 3, by the closed form in Python.
    assert_eq!(newest["success_rate_low"], 0.425);
    let oldest = &agent["versions"]["versions"][1];
    assert_eq!(oldest["success_rate_high"], 0.9217);
    assert_eq!(oldest["total_tokens"], 6_000);
    assert_eq!(oldest["until"], newest["from"]);
    assert_eq!(oldest["from"], agent["created_at"]);
    assert_eq!(agent["versions"]["unsettled"], 1);
    assert!(writer(&daemon, "").get("versions").is_none());
    let refused = daemon.get("/registry/agents/writer?by=day");
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("by must be one of version"));
}

#[test]
fn what_was_broken_meanwhile_was_not_in_force() {
    let home = Home::new();
    edit(&home, "");
    let daemon = home.setup().start();
    refresh(&daemon);
    let created = writer(&daemon, "")["created_at"].clone();
    write(&home.user(), "writer", "---\nname: [\n---\n");
    refresh(&daemon);
    edit(&home, "");
    refresh(&daemon);
    let agent = writer(&daemon, "by=version");
    let versions = agent["versions"]["versions"].as_array().expect("versions");
    let spans: Vec<_> = versions
        .iter()
        .map(|one| (&one["until"], &one["version"]))
        .collect();
    assert_eq!(spans.len(), 2, "{agent}");
    assert_eq!(spans[0].1, spans[1].1, "the same bytes");
    assert_eq!(*spans[0].0, Value::Null);
    assert!(spans[1].0.is_string());
    assert_eq!(agent["created_at"], created);
}

/// What is lost with the file is the past: the registry and intake go on.
#[test]
fn a_damaged_database_of_versions_stops_nothing() {
    let home = Home::new();
    edit(&home, "");
    let mut daemon = home.setup().start();
    assert_eq!(daemon.sigterm().code(), Some(0));
    fs::write(daemon.data.join("registry.db"), [b'x'; 8_192]).expect("a file");
    daemon.restart();
    refresh(&daemon);
    daemon.accept(&run("a", "~/shop", now_ms() - 5_000, 1_000, "success"));
    let agent = writer(&daemon, "by=version");
    assert_eq!(agent["created_at"], Value::Null);
    assert_eq!(agent["versions"]["versions"], json!([]));
    assert_eq!(agent["status"], "idle");
    assert_eq!(counter(&daemon, "registry_record_failures"), 0);
}
