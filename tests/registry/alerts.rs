//! Alerts about definitions: they fire, name the definition, and resolve when it is fixed.

use std::fs;

use serde_json::Value;

use super::home::{Home, definition, refresh, write};
use crate::harness::{Daemon, Setup, eventually};

const RULES: [&str; 4] = [
    "definition_broken",
    "definition_twin",
    "over_budget",
    "registry_stale",
];

/// They fire at once.
fn setup(home: &Home) -> Setup {
    let at_once = |setup: Setup, rule: &&str| setup.set(&format!("alerts.{rule}.for"), "\"0s\"");
    RULES.iter().fold(home.setup(), at_once)
}

/// The rules of definitions that fire, with their subjects.
fn firing(daemon: &Daemon) -> Vec<(String, String)> {
    let answer = daemon.read("/api/agents/alerts").expect("the alerts");
    let alerts = answer["alerts"].as_array().expect("a list");
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut named: Vec<(String, String)> = firing
        .map(|alert| (text(&alert["rule"]), text(&alert["subject"])))
        .filter(|(rule, _)| RULES.contains(&rule.as_str()))
        .collect();
    named.sort();
    named
}

#[track_caller]
fn until_firing(daemon: &Daemon, expected: &[(&str, &str)]) {
    let owned = |(rule, subject): &(&str, &str)| ((*rule).to_owned(), (*subject).to_owned());
    let expected: Vec<_> = expected.iter().map(owned).collect();
    eventually("these alerts fire", || {
        let found = firing(daemon);
        (found == expected)
            .then_some(())
            .ok_or(format!("{found:?}"))
    });
}

#[test]
fn what_is_wrong_with_definitions_fires_and_resolves() {
    let home = Home::new();
    let user = home.user();
    write(&user, "writer", &definition("writer", ""));
    // 62,000 characters are some 15,500 tokens.
    let long = "word ".repeat(12_400);
    let daemon = setup(&home).start();
    refresh(&daemon);
    until_firing(&daemon, &[]);

    write(&user, "writer", "---\nname: [\n---\n");
    write(&user, "one", &definition("twin", ""));
    write(&user, "two", &definition("twin", ""));
    let costly = format!("---\nname: costly\ndescription: {long}\n---\n");
    write(&user, "costly", &costly);
    refresh(&daemon);
    let all = [
        ("definition_broken", "writer"),
        ("definition_twin", "twin"),
        ("over_budget", "~"),
    ];
    until_firing(&daemon, &all);
    let answer = daemon.read("/api/agents/alerts").expect("the alerts");
    let text = answer.to_string();
    assert!(
        text.contains("the client does not load writer any more: "),
        "{text}"
    );
    assert!(
        !text.contains(&home.path("").display().to_string()),
        "{text}"
    );

    write(&user, "writer", &definition("writer", ""));
    fs::remove_file(user.join("two.md")).expect("a file");
    write(&user, "costly", &definition("costly", ""));
    refresh(&daemon);
    until_firing(&daemon, &[]);
}
