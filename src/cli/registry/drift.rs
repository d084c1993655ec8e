//! `agentpulse registry drift`: where definitions and executions differ.

use clap::Args;

use agentpulse_client::Control;
use agentpulse_reports::registry::drift::{Query, Row};

use crate::cli::failure::{Failure, failed};
use crate::cli::output::{print, print_json};
use crate::cli::runtime::block_on;
use crate::cli::target::Target;
use crate::cli::text::clean;

#[derive(Args)]
pub struct Drift {
    /// Only of this project, such as '~/shop'
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Executions that ended in the last days, 1 to 400
    #[arg(long, value_name = "N", default_value = "30")]
    days: String,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

impl Drift {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        let query = [
            ("project", self.project),
            ("days", Some(self.days)),
            ("limit", Some("1000".to_owned())),
        ];
        let answer = block_on(control.report::<Query>(None, &query))??;
        if self.json {
            return print_json(&answer.json);
        }
        let page = answer.read().map_err(failed)?;
        print(&page.drift.iter().map(line).collect::<String>())
    }
}

/// A row without a file is of what runs.
fn line(row: &Row) -> String {
    let place = row.file_path.as_deref().unwrap_or("-");
    format!(
        "{}: {}: {}: {}\n",
        clean(place),
        row.code.word(),
        clean(&row.run_name),
        clean(&row.message)
    )
}
