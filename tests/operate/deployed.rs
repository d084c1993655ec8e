//! What is deployed beside the daemon: alerts and the dashboard ask only for what a scrape has.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use regex::Regex;
use serde_json::Value;

use crate::harness::Setup;
use crate::harness::scrape::Scrape;
use crate::reads::metrics::{known_events, once_counted};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// A daemon that has had events, and what it then says.
fn scrape() -> Scrape {
    let daemon = Setup::new().start();
    daemon.accept(&known_events());
    once_counted(&daemon, 7.0, 6.0)
}

fn metrics(text: &str) -> BTreeSet<String> {
    let name = Regex::new(r"\bagentpulse_[a-z0-9_]+\b").expect("a valid pattern");
    name.find_iter(text)
        .map(|m| m.as_str().to_owned())
        .collect()
}

/// All texts under a key of that name, anywhere in a document.
fn texts(document: &Value, key: &str, found: &mut Vec<String>) {
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == key => found.push(text.clone()),
                    other => texts(other, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        _ => {}
    }
}

#[test]
fn every_query_of_the_dashboard_and_of_the_alerts_names_a_metric_that_a_scrape_has() {
    let scrape = scrape();
    let there: BTreeSet<&str> = scrape.samples.iter().map(|s| s.name.as_str()).collect();
    let dashboard = fs::read(deploy().join("grafana/agentpulse.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_slice(&dashboard).expect("JSON");
    let mut queries = Vec::new();
    texts(&dashboard, "expr", &mut queries);
    assert!(queries.len() > 40, "{} queries", queries.len());
    for query in &queries {
        let named = metrics(query);
        assert!(!named.is_empty() || query.contains("ALERTS"), "{query}");
        for name in named {
            assert!(
                there.contains(name.as_str()),
                "{name} of {query} is not told"
            );
        }
    }
    for file in ["prometheus/alerts.yml", "prometheus/alerts_test.yml"] {
        let text = fs::read_to_string(deploy().join(file)).expect(file);
        let named = metrics(&text);
        assert!(named.len() > 15, "{file}: {named:?}");
        for name in named {
            assert!(
                there.contains(name.as_str()),
                "{name} of {file} is not told"
            );
        }
    }
    // And the other way: the dashboard leaves out nothing but the version and old names.
    let shown = metrics(&queries.join(" "));
    for (family, (_, help)) in &scrape.families {
        if help.starts_with("Old name of") {
            continue;
        }
        let is_shown = shown.iter().any(|name| name.starts_with(family.as_str()));
        assert!(is_shown, "{family} is on no panel");
    }
}

#[test]
fn every_alert_says_what_to_do() {
    let text = fs::read_to_string(deploy().join("prometheus/alerts.yml")).expect("the alerts");
    let tests = fs::read_to_string(deploy().join("prometheus/alerts_test.yml")).expect("tests");
    let alerts: Vec<&str> = text.split("- alert: ").skip(1).collect();
    assert!(alerts.len() >= 10);
    for alert in alerts {
        let name = alert.lines().next().expect("a name");
        for part in ["severity:", "summary:", "description:", "runbook:"] {
            assert!(alert.contains(part), "{name} has no {part}");
        }
        assert!(tests.contains(&format!("\"{name}\"")) || tests.contains(&format!(" {name}\n")));
    }
}

/// Returns `None` if there is none: that is printed, past the capture of the test's own output.
fn promtool(arguments: &[&str], input: &str) -> Option<Output> {
    let mut command = Command::new("promtool");
    command
        .args(arguments)
        .current_dir(deploy().join("prometheus"));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let what = arguments.join(" ");
            let said = writeln!(
                std::io::stderr(),
                "SKIPPED: promtool {what}: promtool is not installed"
            );
            said.expect("somebody listens");
            return None;
        }
        Err(error) => panic!("promtool is there, and does not start: {error}"),
    };
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    Some(child.wait_with_output().expect("it ends"))
}

#[track_caller]
fn is_content(output: Option<Output>) {
    let Some(output) = output else { return };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

#[test]
fn promtool_finds_nothing_wrong() {
    is_content(promtool(&["check", "rules", "alerts.yml"], ""));
    is_content(promtool(&["check", "config", "prometheus.yml"], ""));
    is_content(promtool(&["test", "rules", "alerts_test.yml"], ""));
    is_content(promtool(&["check", "metrics"], &scrape().text));
}
