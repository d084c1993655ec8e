//! `agentpulse registry check`: needs no daemon.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;

use agentpulse_definitions::{Client, ClientVersion, Code, Reading, conflicts};
use agentpulse_registry::{FileReport, Places, Registry, Root};

use super::format::{Format, Located, Report};
use crate::cli::failure::{Failure, failed, io_failed};

#[derive(Args)]
pub struct Check {
    /// A definition, a folder of them, a project or a plugin [default: all places in which the
    /// client looks when it is started in this folder]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Exit with code 1 on warnings, too
    #[arg(long)]
    strict: bool,
    /// The version of Claude Code to check for [default: the newest known one]
    #[arg(long, value_name = "VERSION")]
    client: Option<ClientVersion>,
}

impl Check {
    pub fn run(self) -> Result<(), Failure> {
        let client = Client::built_in(self.client);
        let here = std::env::current_dir().map_err(|error| io_failed("this folder", &error))?;
        let mut report = Report {
            client: client.version().to_string(),
            files: 0,
            agents: 0,
            errors: 0,
            warnings: 0,
            hints: 0,
            findings: Vec::new(),
        };
        for roots in self.places(&here, &client)? {
            check(&roots, &client, &here, &mut report);
        }
        report.sort_and_count();
        report.print(self.format)?;
        match (report.errors, report.warnings) {
            (0, 0) => Ok(()),
            (0, _) if !self.strict => Ok(()),
            (0, warnings) => Err(failed(format_args!("warnings: {warnings}"))),
            (errors, _) => Err(failed(format_args!("errors: {errors}"))),
        }
    }

    /// Each group is what one client joins.
    fn places(&self, here: &Path, client: &Client) -> Result<Vec<Vec<Root>>, Failure> {
        if self.paths.is_empty() {
            let config = std::env::var_os("CLAUDE_CONFIG_DIR").filter(|folder| !folder.is_empty());
            let home =
                std::env::home_dir().ok_or_else(|| failed("there is no home folder: set HOME"))?;
            let places = Places::new(home, config.map(|folder| here.join(folder)));
            return Ok(vec![places.roots(here, client)]);
        }
        let group = |path: &PathBuf| {
            let seen =
                std::fs::metadata(path).map_err(|error| io_failed(path.display(), &error))?;
            let is_markdown = path.extension().is_some_and(|extension| extension == "md");
            if !seen.is_dir() && !seen.is_file() {
                let path = path.display();
                return Err(failed(format_args!("{path}: neither a file nor a folder")));
            }
            if !seen.is_dir() && !is_markdown {
                let path = path.display();
                return Err(failed(format_args!(
                    "{path}: the name of a definition ends in .md"
                )));
            }
            Ok(Root::of(&here.join(path)))
        };
        self.paths.iter().map(group).collect()
    }
}

fn check(roots: &[Root], client: &Client, here: &Path, report: &mut Report) {
    let snapshot = Registry::new(client.clone()).scan(roots, SystemTime::now());
    let trees = snapshot.trees(roots);
    report.agents += trees.iter().map(Vec::len).sum::<usize>();
    let mut seen = HashSet::new();
    let is_new = |file: &&FileReport| file.identity.is_none_or(|identity| seen.insert(identity));
    for file in snapshot.files.iter().filter(is_new) {
        report.files += 1;
        for finding in file.findings() {
            let located = Located::new(&file.path, here, finding.clone());
            report.findings.push(located);
        }
    }
    for folder in &snapshot.unreadable {
        let unread = Reading::unread(Code::Unreadable, "the folder cannot be read");
        let findings = unread.findings.into_iter();
        let located = findings.map(|finding| Located::new(folder, here, finding));
        report.findings.extend(located);
    }
    for conflict in conflicts(&trees) {
        let located = Located::new(&conflict.agent.path, here, conflict.finding);
        report.findings.push(located);
    }
}
