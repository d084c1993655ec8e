//! The commands that ask the daemon, and what `doctor` says of the definitions.

use serde_json::Value;

use super::home::{Home, definition, write};
use crate::harness::Daemon;

fn with_twins(home: &Home) -> Daemon {
    write(
        &home.user(),
        "writer",
        &definition("writer", "tools: Read\nallowed-tools: Bash\n"),
    );
    write(&home.user(), "twin", &definition("twin", ""));
    write(&home.user(), "other", &definition("twin", ""));
    home.setup().start()
}

/// Standard output of a command that must succeed.
#[track_caller]
fn printed(daemon: &Daemon, arguments: &[&str]) -> String {
    let output = daemon.command(arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_answers_are_printed_as_tables_and_as_json() {
    let home = Home::new();
    let daemon = with_twins(&home);
    let list = printed(&daemon, &["registry", "list"]);
    let rows: Vec<Vec<&str>> = list
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0][..3], ["agent", "status", "scope"], "{list}");
    let writer = rows.iter().find(|row| row[0] == "writer").expect("a row");
    assert_eq!(
        writer[1..],
        [
            "idle",
            "user",
            "0",
            "–",
            "$0.00",
            "–",
            "1",
            "~/.claude/agents/writer.md"
        ],
        "{list}"
    );
    assert_eq!(rows.len(), 4, "{list}");
    let found = printed(
        &daemon,
        &["registry", "list", "does", "writer", "--limit", "1"],
    );
    assert_eq!(found.lines().count(), 2, "{found}");
    let cut = printed(&daemon, &["registry", "list", "--limit", "1"]);
    assert!(cut.ends_with("2 more: --limit shows them\n"), "{cut}");
    for (arguments, path) in [
        (&["registry", "list", "--json"][..], "/registry/agents"),
        (
            &["registry", "show", "writer", "--json"],
            "/registry/agents/writer",
        ),
        (&["registry", "conflicts", "--json"], "/registry/conflicts"),
        (&["registry", "drift", "--json"], "/registry/drift"),
    ] {
        let json: Value = serde_json::from_str(&printed(&daemon, arguments)).expect("JSON");
        assert_eq!(json, daemon.read(path).expect("an answer"), "{arguments:?}");
    }
    let show = printed(&daemon, &["registry", "show", "writer"]);
    for line in [
        "agent        writer",
        "tools        Read",
        "runs         0 in 30 days, – succeeded, – on average, $0.00",
        "warning      5:1 unknown_field: \"allowed-tools\" is no field; tools is meant?; the client \
         ignores it",
    ] {
        assert!(
            show.contains(&format!("{line}\n")),
            "{line:?} is not in\n{show}"
        );
    }
    let conflicts = printed(&daemon, &["registry", "conflicts"]);
    let twins = "~/.claude/agents/twin.md:2:7: error same_tree_twin: ~/.claude/agents/other.md is";
    assert!(conflicts.contains(twins), "{conflicts}");
    let refreshed = printed(&daemon, &["registry", "refresh"]);
    let expected = "agents: 3, broken: 0, conflicts: 2, errors: 0, warnings: 1, hints: 1\n";
    assert_eq!(refreshed, expected);
    let refused = daemon.command(&["registry", "show", "nobody"]);
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn the_doctor_names_what_a_client_does_not_load() {
    let home = Home::new();
    let daemon = with_twins(&home);
    let said = |daemon: &Daemon| {
        let output = daemon.command(&["doctor", "--json"]);
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let findings = said["findings"].as_array().expect("a list");
        let of_these = findings.iter().find(|one| one["subject"] == "definitions");
        of_these.expect("a finding").clone()
    };
    let right = said(&daemon);
    assert_eq!(
        (&right["level"], &right["state"]),
        (&"ok".into(), &"the client loads all 3 agents".into())
    );
    write(&home.user(), "broken", "---\nname: broken\n---\n");
    daemon.request("POST", "/registry/refresh", &[], b"");
    let hint = said(&daemon);
    assert_eq!(hint["level"], "hint", "{hint}");
    let state = hint["state"].as_str().expect("a text");
    assert!(state.contains("1 errors"), "{hint}");
}
