//! `agentpulse select`: which agent should take a task, and why.

use std::env;

use clap::Args;

use super::failure::{Failure, failed};
use super::output::{print, print_json};
use super::runtime::block_on;
use super::table::Column::{Figure, Text};
use super::table::{table, terminal_width};
use super::target::Target;
use super::text::clean;
use agentpulse_client::Control;
use agentpulse_config::Config;
use agentpulse_reports::selection::{Ask, Ranked, Selected};
use agentpulse_transcripts::project_of;

#[derive(Args)]
pub struct Select {
    /// What is to be done
    task: String,
    /// As a client has it that is started in this project, such as '~/shop'; by default in this
    /// folder
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// How many agents at most
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(1..=20))]
    count: u32,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
    /// Print the agent's name alone
    #[arg(long, conflicts_with_all = ["json", "mention"])]
    name: bool,
    /// Print how a prompt mentions the agent, and nothing else
    #[arg(long, conflicts_with = "json")]
    mention: bool,
}

impl Select {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let project = self.project.clone().or_else(|| here(&config));
        let query = [
            ("q", Some(self.task.clone())),
            ("project", project),
            ("count", Some(self.count.to_string())),
        ];
        let control = Control::of(&config);
        let answer = block_on(control.report::<Ask>(None, &query))??;
        if self.json {
            print_json(&answer.json)?;
        }
        let selected = answer.read().map_err(failed)?;
        let Some(name) = &selected.recommendation else {
            let reasons = clean(&selected.reasons.join("; "));
            return Err(failed(format_args!("no agent fits: {reasons}")));
        };
        match (self.json, self.name, self.mention) {
            (true, ..) => Ok(()),
            (_, true, _) => print(&format!("{}\n", clean(name))),
            (_, _, true) => print(&format!("@agent-{}\n", clean(name))),
            _ => print(&shown(&selected, terminal_width())),
        }
    }
}

/// The project of this folder, as executions have it.
fn here(config: &Config) -> Option<String> {
    let project = project_of(&env::current_dir().ok()?, config.privacy.home.as_deref())?;
    config.privacy.projects.keep(project)
}

fn shown(selected: &Selected, max_width: Option<usize>) -> String {
    let row = |agent: &Ranked| {
        [
            agent.name.clone(),
            format!("{:.3}", agent.score),
            agent.reasons.join("; "),
        ]
    };
    let rows: Vec<[String; 3]> = selected.agents.iter().map(row).collect();
    table(
        [Text("agent"), Figure("score"), Text("why")],
        &rows,
        max_width,
    )
}
