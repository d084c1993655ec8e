//! Findings for a person, a program, and an annotation of GitHub.

use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

use agentpulse_definitions::{Finding, Severity};

use crate::cli::failure::{Failure, failed};
use crate::cli::output::{print, print_json};
use crate::cli::text::clean;

#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    /// A line per finding: file:line:column: severity code: message
    Text,
    /// One JSON object
    Json,
    /// Commands that annotate a pull request on GitHub
    Github,
}

/// A finding and its file.
#[derive(Serialize)]
pub struct Located {
    file: String,
    #[serde(flatten)]
    finding: Finding,
}

#[derive(Serialize)]
pub struct Report {
    /// The version for which it holds.
    pub client: String,
    pub files: usize,
    pub agents: usize,
    pub errors: usize,
    pub warnings: usize,
    pub hints: usize,
    /// By file and place.
    pub findings: Vec<Located>,
}

impl Located {
    /// A path below `here` is shown from there on.
    pub fn new(file: &Path, here: &Path, finding: Finding) -> Located {
        let file = file.strip_prefix(here).unwrap_or(file);
        Located {
            file: file.to_string_lossy().into_owned(),
            finding,
        }
    }
}

impl Report {
    pub fn sort_and_count(&mut self) {
        let place = |located: &Located| (located.finding.place, located.finding.code);
        self.findings
            .sort_by(|a, b| (&a.file, place(a)).cmp(&(&b.file, place(b))));
        for located in &self.findings {
            match located.finding.severity {
                Severity::Error => self.errors += 1,
                Severity::Warning => self.warnings += 1,
                Severity::Hint => self.hints += 1,
            }
        }
    }

    pub fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Json => print_json(serde_json::to_string(self).map_err(failed)?),
            Format::Text => {
                let lines: String = self.findings.iter().map(line).collect();
                print(&(lines + &self.summary()))
            }
            Format::Github => print(&self.findings.iter().map(annotation).collect::<String>()),
        }
    }

    fn summary(&self) -> String {
        format!(
            "files: {}, agents: {}, errors: {}, warnings: {}, hints: {}\n",
            self.files, self.agents, self.errors, self.warnings, self.hints
        )
    }
}

fn line(Located { file, finding }: &Located) -> String {
    let place = finding.place;
    format!(
        "{}:{}:{}: {} {}: {}\n",
        clean(file),
        place.line,
        place.column,
        severity(finding),
        finding.code,
        message(finding)
    )
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "hint",
    }
}

fn message(finding: &Finding) -> String {
    clean(&format!(
        "{}; the client {}",
        finding.message, finding.client
    ))
}

fn annotation(Located { file, finding }: &Located) -> String {
    let command = match finding.severity {
        Severity::Hint => "notice",
        _ => severity(finding),
    };
    let place = finding.place;
    format!(
        "::{command} file={},line={},col={},title={}::{}\n",
        escaped(file).replace(':', "%3A").replace(',', "%2C"),
        place.line,
        place.column,
        finding.code,
        escaped(&message(finding))
    )
}

/// What a command of a workflow would take for its own.
fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}
