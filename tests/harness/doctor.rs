//! A person who asks `agentpulse doctor`, and what it answers.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::daemon::Daemon;
use super::folder::folder;
use super::program::short_program;

/// A person with a home folder, who asks the doctor.
pub struct Person {
    pub home: TempDir,
    data: PathBuf,
    config: Option<PathBuf>,
    environment: Vec<(&'static str, String)>,
}

/// What the doctor said.
pub struct Told {
    pub code: Option<i32>,
    pub report: Value,
}

impl Person {
    pub fn at(data: &Path) -> Person {
        Person {
            home: folder(),
            data: data.to_owned(),
            config: None,
            environment: Vec::new(),
        }
    }

    pub fn of(daemon: &Daemon) -> Person {
        let mut person = Person::at(&daemon.data);
        person.config = Some(daemon.data.with_extension("toml"));
        person
    }

    pub fn with(mut self, name: &'static str, value: impl AsRef<Path>) -> Person {
        let value = value.as_ref().display().to_string();
        self.environment.push((name, value));
        self
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = short_program();
        command.args(arguments).arg("--data-dir").arg(&self.data);
        command.env("HOME", self.home.path());
        command.env_remove("XDG_CONFIG_HOME");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command
    }

    #[track_caller]
    pub fn ask(&self) -> Told {
        let output = self
            .command(&["doctor", "--json"])
            .output()
            .expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout);
        let report = serde_json::from_str(&text);
        let report = report.unwrap_or_else(|error| {
            panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr))
        });
        let code = output.status.code();
        Told { code, report }
    }
}

impl Told {
    /// `state: fix` of the findings of that subject and level.
    pub fn of(&self, subject: &str, level: &str) -> Vec<String> {
        let findings = self.report["findings"].as_array().expect("a list").iter();
        let meant = findings.filter(|found| found["subject"] == subject && found["level"] == level);
        let text = |found: &Value, field: &str| found[field].as_str().unwrap_or("-").to_owned();
        meant
            .map(|found| format!("{}: {}", text(found, "state"), text(found, "fix")))
            .collect()
    }

    #[track_caller]
    pub fn is(&self, subject: &str, level: &str, words: &[&str]) {
        let found = self.of(subject, level);
        let has = |line: &&String| words.iter().all(|word| line.contains(word));
        assert!(
            found.iter().any(|line| has(&line)),
            "{subject} {level} {words:?}: {:#}",
            self.report
        );
    }

    /// One subject has an error, in these words, and no other has.
    #[track_caller]
    pub fn only_error(&self, subject: &str, words: &[&str]) {
        self.is(subject, "error", words);
        let findings = self.report["findings"].as_array().expect("a list").iter();
        let errors = findings.filter(|found| found["level"] == "error").count();
        assert_eq!((errors, self.code), (1, Some(1)), "{:#}", self.report);
        assert_eq!(self.report["healthy"], false);
    }

    #[track_caller]
    pub fn is_well(&self) {
        assert_eq!(
            (self.code, &self.report["healthy"]),
            (Some(0), &json!(true)),
            "{:#}",
            self.report
        );
    }
}
