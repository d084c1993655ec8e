//! `agentpulse registry conflicts`: what is wrong between definitions.

use clap::Args;

use agentpulse_client::Control;
use agentpulse_reports::registry::conflicts::{Conflict, Query};

use crate::cli::failure::{Failure, failed};
use crate::cli::output::{print, print_json};
use crate::cli::runtime::block_on;
use crate::cli::target::Target;
use crate::cli::text::clean;

#[derive(Args)]
pub struct Conflicts {
    /// Only those of a client that is started in this project, such as '~/shop'
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

impl Conflicts {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        let query = [
            ("project", self.project),
            ("limit", Some("1000".to_owned())),
        ];
        let answer = block_on(control.report::<Query>(None, &query))??;
        if self.json {
            return print_json(&answer.json);
        }
        let page = answer.read().map_err(failed)?;
        print(&page.conflicts.iter().map(line).collect::<String>())
    }
}

/// As `registry check` prints it.
fn line(conflict: &Conflict) -> String {
    let finding = &conflict.finding;
    let said = format!("{}; the client {}", finding.message, finding.client);
    format!(
        "{}:{}:{}: {} {}: {}\n",
        clean(&conflict.file_path),
        finding.line,
        finding.column,
        finding.severity,
        finding.code,
        clean(&said)
    )
}
