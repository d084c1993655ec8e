//! Prints the report.

use clap::Args;

use super::installed::Installed;
use super::report::Report;
use crate::cli::failure::{Failure, failed};
use crate::cli::hooks::location::Files;
use crate::cli::output::{print, print_json};
use crate::cli::runtime::block_on;
use crate::cli::target::Target;

#[derive(Args)]
pub struct Status {
    #[command(flatten)]
    files: Files,
    /// Print the findings as one JSON object
    #[arg(long)]
    json: bool,
}

impl Status {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let named = self.files.all()?;
        let files = named.iter().map(Installed::read).collect();
        let report = block_on(Report::of(files, &config))?;
        if self.json {
            let line = serde_json::to_string(&report).map_err(failed)?;
            print_json(&line)?;
        } else {
            print(&report.shown())?;
        }
        match report.problems.len() {
            0 => Ok(()),
            1 => Err(failed("1 problem")),
            wrong => Err(failed(format_args!("{wrong} problems"))),
        }
    }
}
