//! Definitions that are written over HTTP: the files, the answers, the audit trail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use super::home::{Home, counter, definition, refresh, write};
use crate::harness::bytes::search;
use crate::harness::wire::Response;
use crate::harness::{Daemon, Setup};
use crate::security::keys::audit;

pub const AGENTS: &str = "/registry/agents";

pub fn open(home: &Home) -> Setup {
    let shop = home.path("shop");
    fs::create_dir_all(&shop).expect("a folder");
    home.setup().set("registry.write", "true").set(
        "registry.projects",
        &format!("[{:?}]", shop.display().to_string()),
    )
}

pub fn reviewer() -> Value {
    json!({"name": "reviewer", "description": "Reviews: all of it.", "prompt": "Review it.\n",
        "scope": "user", "tools": ["Read", "Bash(git:*)"], "model": "opus"})
}

pub const REVIEWER: &str = "---\nname: reviewer\ndescription: \"Reviews: all of it.\"\nmodel: opus\n\
                        tools: [Read, \"Bash(git:*)\"]\n---\n\nReview it.\n";

pub fn create(daemon: &Daemon, body: &Value) -> Response {
    daemon.control("POST", AGENTS, &[], body.to_string().as_bytes())
}

pub fn change(daemon: &Daemon, id: &str, version: &str, body: &Value) -> Response {
    let quoted = format!("\"{version}\"");
    let path = format!("{AGENTS}/{id}");
    daemon.control(
        "PUT",
        &path,
        &[("if-match", &quoted)],
        body.to_string().as_bytes(),
    )
}

pub fn remove(daemon: &Daemon, rest: &str) -> Response {
    daemon.control("DELETE", &format!("{AGENTS}/{rest}"), &[], b"")
}

#[track_caller]
pub fn is(answer: &Response, status: u16, code: &str) {
    let said = answer.text();
    assert_eq!(
        (answer.status, &answer.json()["error"]["code"]),
        (status, &json!(code)),
        "{said}"
    );
}

#[track_caller]
pub fn done(answer: &Response, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.json()
}

pub fn version(daemon: &Daemon, id: &str) -> String {
    let shown = daemon
        .read(&format!("{AGENTS}/{id}"))
        .expect("a definition");
    shown["version"].as_str().expect("a version").to_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o7777
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_definition_is_created_changed_and_removed() {
    let home = Home::new();
    let daemon = open(&home).start();
    let file = home.user().join("reviewer.md");
    let made = done(&create(&daemon, &reviewer()), 201);
    assert_eq!(fs::read_to_string(&file).expect("a file"), REVIEWER);
    assert_eq!(mode(&file), 0o644);
    assert_eq!(made["file_path"], "~/.claude/agents/reviewer.md");
    assert_eq!(made["config"]["tools"], json!(["Read", "Bash(git:*)"]));
    assert_eq!(daemon.read("/registry/agents/reviewer"), Ok(made.clone()));
    is(&create(&daemon, &reviewer()), 409, "name_taken");

    let id = made["agent_id"].as_str().expect("an id");
    let by_hand = REVIEWER
        .replace("opus\n", "opus # the best\n# end\n")
        .replace('\n', "\r\n");
    fs::write(&file, &by_hand).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
    refresh(&daemon);
    let shown = version(&daemon, id);
    let body = json!({"model": "haiku", "color": "blue", "tools": null});
    let changed = done(&change(&daemon, "reviewer", &shown, &body), 200);
    let expected = by_hand.replace("opus #", "haiku #");
    let tools = "tools: [Read, \"Bash(git:*)\"]\r\n";
    let expected = expected.replace(tools, "color: blue\r\n");
    assert_eq!(fs::read_to_string(&file).expect("a file"), expected);
    assert_eq!(
        (mode(&file), &changed["agent_id"]),
        (0o600, &made["agent_id"])
    );
    assert_eq!(
        daemon.read("/registry/agents/reviewer"),
        Ok(changed.clone())
    );
    assert_ne!(changed["version"], shown.as_str());
    is(
        &change(&daemon, id, &shown, &body),
        412,
        "changed_meanwhile",
    );
    // What is so already is not written, nor recorded.
    let same = version(&daemon, id);
    done(&change(&daemon, id, &same, &body), 200);
    assert_eq!(names(&home.user()), ["reviewer.md"]);

    let removed = done(&remove(&daemon, id), 200);
    assert_eq!(daemon.get(&format!("{AGENTS}/{id}")).status, 404);
    let kept = Path::new(removed["kept_as"].as_str().expect("a path"));
    assert_eq!(kept.parent(), Some(daemon.data.join("trash").as_path()));
    assert_eq!(fs::read_to_string(kept).expect("a file"), expected);
    assert_eq!(
        (mode(kept), mode(&daemon.data.join("trash"))),
        (0o600, 0o700)
    );
    is(&remove(&daemon, id), 404, "unknown_agent");

    let rows = audit(&daemon);
    let of_it: Vec<_> = rows
        .iter()
        .filter(|row| row["action"] != "access_refused")
        .collect();
    let shown: Vec<_> = of_it
        .iter()
        .map(|row| (&row["action"], &row["outcome"]))
        .collect();
    let (written, removed) = (json!("definition_written"), json!("definition_removed"));
    let ok = json!("done");
    assert_eq!(shown, [(&removed, &ok), (&written, &ok), (&written, &ok)]);
    for row in of_it {
        assert_eq!(row["detail"], "reviewer, ~/.claude/agents/reviewer.md");
        assert_eq!(row["origin"], "control socket");
    }
    assert_eq!(counter(&daemon, "registry_writes"), 3);
    assert_eq!(counter(&daemon, "registry_writes_refused"), 3);
}

#[test]
fn a_definition_of_a_project_is_made_with_its_folders() {
    let home = Home::new();
    let daemon = open(&home).start();
    let mut body = reviewer();
    done(&create(&daemon, &body), 201);
    (body["scope"], body["project"]) = (json!("project"), json!("~/shop"));
    let made = done(&create(&daemon, &body), 201);
    assert_eq!(made["file_path"], "~/shop/.claude/agents/reviewer.md");
    let shown = (&made["scope"], &made["project"]);
    assert_eq!(shown, (&json!("project"), &json!("~/shop")));
    is(
        &change(&daemon, "reviewer", &"0".repeat(32), &json!({})),
        409,
        "ambiguous",
    );
    let id = made["agent_id"].as_str().expect("an id");
    done(
        &change(
            &daemon,
            id,
            &version(&daemon, id),
            &json!({"prompt": "Do."}),
        ),
        200,
    );
    let file = fs::read_to_string(home.of("shop").join("reviewer.md")).expect("a file");
    assert_eq!(file, REVIEWER.replace("Review it.", "Do."));
    done(&remove(&daemon, id), 200);
    assert!(names(&home.of("shop")).is_empty() && home.user().join("reviewer.md").exists());
    body["project"] = json!("~/other");
    is(&create(&daemon, &body), 400, "invalid_body");
}

#[test]
fn one_that_runs_is_removed_by_force_only() {
    let home = Home::new();
    write(&home.user(), "writer", &definition("writer", ""));
    let daemon = open(&home).start();
    let start = json!({"event": "start", "agent_id": "w1", "agent_name": "writer"});
    daemon.accept(&[start]);
    is(&remove(&daemon, "writer"), 409, "agent_busy");
    is(
        &remove(&daemon, "writer?force=no"),
        400,
        "invalid_parameter",
    );
    is(
        &remove(&daemon, "writer?force=true&migrate_tasks=all"),
        400,
        "invalid_parameter",
    );
    assert_eq!(names(&home.user()), ["writer.md"]);
    let stop = json!({"event": "stop", "agent_id": "w1", "agent_name": "writer"});
    let start = json!({"event": "start", "agent_id": "w2", "agent_name": "writer"});
    daemon.accept(&[stop, start]);
    done(&remove(&daemon, "writer?force=true"), 200);
    assert!(names(&home.user()).is_empty());
}

#[test]
fn a_secret_of_a_prompt_is_in_its_file_and_nowhere_else() {
    const SECRET: &str = "hunter2hunter2xyz";
    let home = Home::new();
    let daemon = open(&home).start();
    let mut body = reviewer();
    body["prompt"] = json!(format!("Use password={SECRET} there."));
    let made = create(&daemon, &body);
    let file = fs::read_to_string(home.user().join("reviewer.md")).expect("a file");
    assert!(made.status == 201 && file.contains(SECRET), "{file}");
    body["name"] = json!("other");
    body["tools"] = json!({"password": SECRET});
    body[format!("password={SECRET}")] = json!(1);
    let refused = create(&daemon, &body);
    is(&refused, 400, "invalid_body");
    let changed = json!({"description": format!("With password={SECRET}."), "model": 7});
    let invalid = change(&daemon, "reviewer", &version(&daemon, "reviewer"), &changed);
    is(&invalid, 422, "invalid_definition");
    for answer in [made, refused, invalid] {
        assert!(!answer.text().contains(SECRET), "{}", answer.text());
    }
    assert!(
        !audit(&daemon)
            .iter()
            .any(|row| row.to_string().contains(SECRET))
    );
    assert!(search(&daemon.data, SECRET) > 3);
}
