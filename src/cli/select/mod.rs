//! `agentpulse select`: which agent should take a task, and why; and what became of it.

mod figures;
mod outcome;

use std::env;

use clap::Args;
use serde_json::{Value, json};

use self::figures::Figures;
use self::outcome::Outcome;
use super::failure::{Failure, failed};
use super::output::{print, print_json};
use super::runtime::block_on;
use super::table::Column::{Figure, Text};
use super::table::{table, terminal_width};
use super::target::Target;
use super::text::clean;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_client::Control;
use agentpulse_config::Config;
use agentpulse_reports::selection::{Ask, Launch, Ranked, Selected};
use agentpulse_transcripts::project_of;

#[derive(Args)]
pub struct Select {
    /// What is to be done
    #[arg(required_unless_present_any = ["feedback", "stats", "forget"])]
    task: Option<String>,
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
    /// Leave out agents of the library; also left out with --name and --mention
    #[arg(long)]
    no_library: bool,
    /// Print the agent's name alone
    #[arg(long, conflicts_with_all = ["json", "mention"])]
    name: bool,
    /// Print how a prompt mentions the agent, and nothing else
    #[arg(long, conflicts_with = "json")]
    mention: bool,
    /// Keep the selection, and print the id for --feedback
    #[arg(long, conflicts_with_all = ["name", "mention"])]
    keep: bool,
    #[command(flatten)]
    outcome: Outcome,
    #[command(flatten)]
    figures: Figures,
}

impl Select {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        if let Some(id) = &self.outcome.feedback {
            return self.outcome.report(&control, id, self.json);
        }
        let Some(task) = &self.task else {
            return self.figures.run(&control, self.json);
        };
        let json = self.ask(&config, &control, task)?;
        if self.json {
            print_json(&json)?;
        }
        let selected: Selected = serde_json::from_value(json).map_err(failed)?;
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

    fn ask(&self, config: &Config, control: &Control, task: &str) -> Result<Value, Failure> {
        let project = self.project.clone().or_else(|| here(config));
        // By its name alone a client launches none of the library.
        let library = !(self.no_library || self.name || self.mention);
        if self.keep {
            let body = json!({"task": task, "project": project, "limit": self.count,
                "library": library});
            return Ok(block_on(control.post(Ask::PATH, &body))??);
        }
        let query = [
            ("q", Some(task.to_owned())),
            ("project", project),
            ("count", Some(self.count.to_string())),
            ("library", Some(library.to_string())),
        ];
        Ok(block_on(control.report::<Ask>(None, &query))??.json)
    }
}

/// The project of this folder, as executions have it.
pub fn here(config: &Config) -> Option<String> {
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
    let mut shown = table(
        [Text("agent"), Figure("score"), Text("why")],
        &rows,
        max_width,
    );
    let mut agents = selected.agents.iter();
    let best = agents.find(|agent| Some(&agent.agent_id) == selected.recommended_id.as_ref());
    if let Some(best) = best.filter(|best| best.launch == Launch::Library) {
        shown.push_str(&format!(
            "{} is of the library: give a general-purpose agent what `agentpulse registry show {} \
             --body` prints\n",
            clean(&best.name),
            clean(&best.agent_id)
        ));
    }
    if let Some(id) = &selected.selection_id {
        shown.push_str(&format!("{}\n", clean(id)));
    }
    shown
}
