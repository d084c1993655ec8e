//! Writes of definitions that are refused: by who asks, by what is sent, by where the file is.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::home::{Home, counter, definition, refresh, write};
use super::writes::{AGENTS, change, create, is, open, remove, reviewer};
use crate::harness::{Daemon, eventually};
use crate::security::keys;

const ONE: &str = "/registry/agents/writer";

#[test]
fn nothing_is_written_without_the_setting() {
    let home = Home::new();
    write(&home.user(), "writer", &definition("writer", ""));
    let daemon = home.setup().start();
    is(&create(&daemon, &reviewer()), 403, "read_only");
    is(
        &change(&daemon, "writer", &"0".repeat(32), &json!({})),
        403,
        "read_only",
    );
    is(&remove(&daemon, "writer"), 403, "read_only");
    let key = keys::create(&daemon, "ops", "admin");
    let body = reviewer().to_string();
    let by_key = daemon.request("POST", AGENTS, &[("x-api-key", &key)], body.as_bytes());
    is(&by_key, 403, "read_only");
    assert_eq!(counter(&daemon, "registry_writes_refused"), 4);
    eventually("the trail has the refusals", || {
        let rows = keys::audit(&daemon);
        let refused = rows.iter().filter(|row| row["detail"] == "read_only");
        let refused: Vec<_> = refused
            .map(|row| (&row["origin"], &row["outcome"]))
            .collect();
        let by = |origin: &str| refused.contains(&(&json!(origin), &json!("refused")));
        let is_there = by("control socket") && by("127.0.0.1");
        is_there.then_some(()).ok_or(format!("{rows:?}"))
    });
    assert!(!home.user().join("reviewer.md").exists());
    assert!(home.user().join("writer.md").exists());
}

#[test]
fn over_tcp_only_a_key_of_an_admin_writes() {
    let home = Home::new();
    write(&home.user(), "writer", &definition("writer", ""));
    let daemon = open(&home).start();
    let body = reviewer().to_string();
    let ask = |method: &str, path: &str, headers: &[(&str, &str)]| {
        daemon.request(method, path, headers, body.as_bytes())
    };
    let routes = [("POST", AGENTS), ("PUT", ONE), ("DELETE", ONE)];
    // Also while there is no key at all.
    for (method, path) in routes {
        for path in [path.to_owned(), format!("/api{path}")] {
            is(&ask(method, &path, &[]), 401, "unauthorized");
        }
    }
    let [read, ingest, both, admin] = [
        ("reader", "read"),
        ("hooks", "ingest"),
        ("both", "read,ingest"),
        ("ops", "admin"),
    ]
    .map(|(name, scopes)| keys::create(&daemon, name, scopes));
    for key in [&read, &ingest, &both] {
        for (method, path) in routes {
            is(&ask(method, path, &[("x-api-key", key)]), 403, "forbidden");
            let api = format!("/api{path}");
            is(&ask(method, &api, &[("x-api-key", key)]), 403, "forbidden");
        }
    }
    let encoded = ask("POST", "/registry/%61gents", &[("x-api-key", &ingest)]);
    is(&encoded, 404, "unknown_route");
    let made = ask("POST", "/api/registry/agents", &[("x-api-key", &admin)]);
    assert_eq!(made.status, 201, "{}", made.text());
    let rows = keys::audit(&daemon);
    let row = rows
        .iter()
        .find(|row| row["action"] == "definition_written")
        .expect("a row");
    assert!(
        row["who"]
            .as_str()
            .is_some_and(|who| who.ends_with("(ops)")),
        "{row}"
    );
    assert_eq!(row["origin"], "127.0.0.1");
}

/// A change of a valid body, and what the refusal says.
fn refused(daemon: &Daemon, changes: &[(&str, Value)], said: &str) {
    let mut body = reviewer();
    for (field, value) in changes {
        body[*field] = value.clone();
    }
    let answer = create(daemon, &body);
    let text = answer.text();
    assert!(
        matches!(answer.status, 400 | 422) && text.contains(said),
        "{said}: {text}"
    );
}

#[test]
fn what_is_wrong_is_named_with_its_bound() {
    let home = Home::new();
    let daemon = open(&home).start();
    let name = "name must be 1..=64 of a-z, 0-9 and \\\"-\\\"";
    for wrong in [
        "../x",
        "/etc",
        "",
        "Reviewer",
        "a.md",
        "a b",
        "ü",
        &"x".repeat(65),
    ] {
        refused(&daemon, &[("name", json!(wrong))], name);
    }
    let long = "x".repeat(300);
    for (changes, said) in [
        (vec![("name", Value::Null)], name),
        (
            vec![("name", json!(7))],
            "name must be a text of 0..=256 bytes",
        ),
        (vec![("name", json!("-x"))], "bad_name"),
        (
            vec![("description", Value::Null)],
            "description must be a text",
        ),
        (
            vec![("description", json!(""))],
            "description must be a text of 1..=65536 bytes",
        ),
        (
            vec![("prompt", json!([]))],
            "prompt must be a text of 0..=1048576 bytes",
        ),
        (
            vec![("scope", json!("plugin"))],
            "scope must be user, project or library",
        ),
        (
            vec![("scope", json!("project"))],
            "project must be there where scope is project",
        ),
        (
            vec![("project", json!("~/shop"))],
            "project must be absent where scope is not project",
        ),
        (
            vec![("project", json!(long))],
            "project must be a text of 1..=256 bytes",
        ),
        (
            vec![("toolz", json!("Read"))],
            "\\\"toolz\\\" is no field of a definition; tools is meant?",
        ),
        (
            vec![(&long, json!(1))],
            "the name of a field must be 1..=64 bytes",
        ),
        (vec![("model", json!("opuss"))], "bad_value"),
        (vec![("maxTurns", json!(0))], "bad_value"),
        (vec![("tools", json!(["Zorp"]))], "zero_tools"),
        (
            vec![("experimental", json!({"cache": "5m"}))],
            "unknown_field",
        ),
        (
            vec![("initialPrompt", json!("y".repeat(70_000)))],
            "at most 65536 bytes",
        ),
        (
            vec![("allow_commands", json!("yes"))],
            "allow_commands must be true or false",
        ),
        (
            vec![("hooks", json!({"Stop": []}))],
            "allow_commands must be true",
        ),
        (
            vec![("mcpServers", json!(["x"]))],
            "allow_commands must be true",
        ),
        (
            vec![("permissionMode", json!("bypassPermissions"))],
            "allow_commands must be true",
        ),
    ] {
        refused(&daemon, &changes, said);
    }
    is(
        &daemon.control("POST", AGENTS, &[], b"[1]"),
        400,
        "invalid_body",
    );
    is(
        &daemon.control("POST", AGENTS, &[], b"{\"name\": "),
        400,
        "invalid_body",
    );
    is(
        &daemon.control("POST", &format!("{AGENTS}?force"), &[], b"{}"),
        400,
        "invalid_parameter",
    );
    let large = vec![b' '; (2 << 20) + 1];
    is(
        &daemon.control("POST", AGENTS, &[], &large),
        413,
        "too_large",
    );
    let mut whole = reviewer();
    whole["prompt"] = json!("x".repeat(1 << 20));
    let answer = create(&daemon, &whole);
    is(&answer, 422, "invalid_definition");
    assert_eq!(answer.json()["findings"][0]["code"], "too_large");
    assert!(!home.user().join("reviewer.md").exists());

    let mut body = reviewer();
    body["permissionMode"] = json!("bypassPermissions");
    body["hooks"] = json!({"Stop": [{"hooks": [{"type": "command", "command": "true"}]}]});
    body["allow_commands"] = json!(true);
    let made = create(&daemon, &body);
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["config"]["has_hooks"], true);
}

#[test]
fn a_change_names_its_version_and_leaves_the_name() {
    let home = Home::new();
    write(
        &home.user(),
        "writer",
        &definition("writer", "allowed-tools: Read\n"),
    );
    let daemon = open(&home).start();
    let put =
        |headers: &[(&str, &str)], body: &str| daemon.control("PUT", ONE, headers, body.as_bytes());
    is(&put(&[], "{}"), 428, "version_required");
    let version = daemon.read(ONE).expect("it")["version"]
        .as_str()
        .expect("it")
        .to_owned();
    let quoted = format!("\"{version}\"");
    for wrong in [
        &version,
        "*",
        "\"x\"",
        &format!("W/{quoted}"),
        &format!("{quoted}, {quoted}"),
    ] {
        is(&put(&[("if-match", wrong)], "{}"), 400, "invalid_parameter");
    }
    let twice = [("if-match", quoted.as_str()), ("if-match", quoted.as_str())];
    is(&put(&twice, "{}"), 400, "invalid_parameter");
    let other = format!("\"{}\"", "0".repeat(32));
    is(
        &put(&[("if-match", &other)], "{}"),
        412,
        "changed_meanwhile",
    );
    let deleted = daemon.control("DELETE", ONE, &[("if-match", &other)], b"");
    is(&deleted, 412, "changed_meanwhile");
    let current = [("if-match", quoted.as_str())];
    for body in [
        r#"{"name":"x"}"#,
        r#"{"scope":"user"}"#,
        r#"{"project":null}"#,
    ] {
        is(&put(&current, body), 400, "invalid_body");
    }
    is(
        &put(&current, r#"{"description":null}"#),
        400,
        "invalid_body",
    );
    is(
        &put(&current, r#"{"allowed-tools":"Bash"}"#),
        400,
        "invalid_body",
    );
    let answer = put(&current, r#"{"allowed-tools":null,"tools":"Read"}"#);
    assert_eq!(
        (answer.status, &answer.json()["findings"]),
        (200, &json!([]))
    );
    let file = fs::read_to_string(home.user().join("writer.md")).expect("a file");
    assert_eq!(file, definition("writer", "tools: Read\n"));
}

#[test]
fn no_link_and_no_other_place_is_written() {
    let home = Home::new();
    let outside = home.path("outside");
    write(&outside, "far", &definition("far", ""));
    write(&home.user(), "near", &definition("near", ""));
    write(&home.user(), "twice", &definition("twice", ""));
    fs::hard_link(home.user().join("twice.md"), home.path("other.md")).expect("a link");
    symlink(outside.join("far.md"), home.user().join("far.md")).expect("a link");
    symlink(&outside, home.user().join("below")).expect("a link");
    let installed = json!({"version": 2, "plugins": {"p@m": [
        {"scope": "user", "installPath": home.path("plugin")}]}});
    fs::create_dir_all(home.path(".claude/plugins")).expect("a folder");
    let file = home.path(".claude/plugins/installed_plugins.json");
    fs::write(file, installed.to_string()).expect("a file");
    write(&home.path("plugin/agents"), "own", &definition("own", ""));
    let daemon = open(&home).start();
    for name in ["far", "twice", "p:own"] {
        let shown = daemon
            .read(&format!("{AGENTS}/{name}"))
            .expect("it is read all the same");
        let version = shown["version"].as_str().expect("a version");
        is(
            &change(&daemon, name, version, &json!({"model": "opus"})),
            403,
            "read_only",
        );
        is(&remove(&daemon, name), 403, "read_only");
    }
    assert_eq!(
        fs::read_to_string(outside.join("far.md")).expect("it"),
        definition("far", "")
    );
    // A project whose folders lead elsewhere.
    symlink(&outside, home.path("shop/.claude")).expect("a link");
    refresh(&daemon);
    let mut body = reviewer();
    (body["scope"], body["project"]) = (json!("project"), json!("~/shop"));
    is(&create(&daemon, &body), 403, "read_only");
    assert!(!outside.join("agents").exists());
    // The user's own place may be one.
    fs::rename(home.user(), home.path("dotfiles")).expect("a move");
    symlink(home.path("dotfiles"), home.user()).expect("a link");
    let made = create(&daemon, &reviewer());
    assert_eq!(made.status, 201, "{}", made.text());
    assert!(home.path("dotfiles/reviewer.md").is_file() && home.user().is_symlink());
}
