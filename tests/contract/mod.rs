//! What people and programs rely on word by word: help, the document of the API, the names of
//! metrics, the settings. A word that differs fails, and so does a snapshot that is missing.
//! To accept a changed contract: `INSTA_UPDATE=always cargo test contract`.

use std::collections::BTreeSet;
use std::process::Command;

use insta::{Settings, assert_snapshot};

use crate::commands::man::listed;
use crate::harness::hook_program;
use crate::harness::{Setup, program};
use crate::reads::metrics::{once_counted, send_known};

/// No folder of this name exists, so that no settings file is found in it.
const HOME: &str = "/nonexistent/home";

fn holds(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_snapshot!(name, text));
}

/// Standard output, whatever the terminal, the language and the settings of this environment are.
fn output(mut command: Command, arguments: &[&str]) -> String {
    command.args(arguments).env_clear().env("HOME", HOME);
    let output = command.output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The help of this command and of all below it, which it lists itself.
fn help(words: &[&str]) -> String {
    let line = [words, &["--help"]].concat();
    let help = output(program(), &line);
    let mut text = format!("$ agentpulse {}\n{help}\n", line.join(" "));
    for command in listed(&help) {
        text += &self::help(&[words, &[&command]].concat());
    }
    text
}

#[test]
fn help_of_every_command() {
    // A client feeds the hook program's output to its model: it prints nothing at all.
    let of_hook = output(Command::new(hook_program::path()), &["--help"]);
    let text = format!("{}$ agentpulse-hook --help\n{of_hook}", help(&[]));
    holds("help", &text);
}

#[test]
fn default_settings() {
    holds("settings", &output(program(), &["config", "show"]));
}

#[test]
fn api_document() {
    let daemon = Setup::new().start();
    let mut document = daemon.read("/api/openapi.json").expect("the document");
    document["info"]["version"] = "[version]".into();
    let text = serde_json::to_string_pretty(&document).expect("JSON");
    holds("openapi", &text);
}

#[test]
fn names_types_labels_and_help_of_metrics() {
    let daemon = Setup::new().start();
    // Without events some families have no series, and labels stand in series only.
    send_known(&daemon);
    let scrape = once_counted(&daemon, 7.0, 6.0);
    let family = |(name, (kind, help)): (&String, &(String, String))| {
        let series = scrape
            .samples
            .iter()
            .filter(|sample| sample.family == *name);
        let labels: BTreeSet<&str> = series
            .flat_map(|sample| sample.labels.keys().map(String::as_str))
            .collect();
        let labels: String = labels.iter().map(|label| format!(" {label}")).collect();
        format!("{name}: {kind}{labels}\n    {help}\n")
    };
    let text: String = scrape.families.iter().map(family).collect();
    holds("metrics", &text);
}
