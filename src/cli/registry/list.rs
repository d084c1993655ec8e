//! `agentpulse registry list`: the definitions that a client loads, and how their agents do.

use clap::Args;
use clap::builder::PossibleValuesParser;

use agentpulse_client::Control;
use agentpulse_client::path::Pair;
use agentpulse_reports::registry::list::{Agents, Query, SCOPES};
use agentpulse_reports::registry::{Agent, Sort, Status};

use crate::cli::failure::{Failure, failed};
use crate::cli::output::{print, print_json};
use crate::cli::runtime::block_on;
use crate::cli::table::{Column, table, terminal_width};
use crate::cli::target::Target;
use crate::cli::text::{dollars, or_dash, percent, seconds};

#[derive(Args)]
pub struct List {
    /// Words in the name or the description
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Only what a client has that is started in this project, such as '~/shop'
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only agents of such a place
    #[arg(long, value_parser = PossibleValuesParser::new(SCOPES.map(|(word, _)| word)))]
    scope: Option<String>,
    /// Only agents that are so
    #[arg(long, value_parser = PossibleValuesParser::new(Status::CHOICES.map(|(word, _)| word)))]
    status: Option<String>,
    /// Only agents that may use all of these tools, separated by commas
    #[arg(long, value_name = "TOOLS")]
    tools: Option<String>,
    /// What comes first
    #[arg(long, default_value = "name",
          value_parser = PossibleValuesParser::new(Sort::CHOICES.map(|(word, _)| word)))]
    sort: String,
    /// Of how many days the figures are, today being the last
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=400))]
    days: u32,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        let answer = block_on(control.report::<Query>(None, &self.query()))??;
        if self.json {
            return print_json(&answer.json);
        }
        print(&shown(&answer.read().map_err(failed)?, terminal_width()))
    }

    fn query(&self) -> [Pair; 8] {
        let words = self.words.join(" ");
        [
            ("q", Some(words).filter(|words| !words.is_empty())),
            ("project", self.project.clone()),
            ("scope", self.scope.clone()),
            ("status", self.status.clone()),
            ("tools", self.tools.clone()),
            ("sort", Some(self.sort.clone())),
            ("days", Some(self.days.to_string())),
            ("limit", Some(self.limit.to_string())),
        ]
    }
}

fn shown(page: &Agents, max_width: Option<usize>) -> String {
    let rows: Vec<_> = page.agents.iter().map(row).collect();
    let columns = [
        Column::Text("agent"),
        Column::Text("status"),
        Column::Text("scope"),
        Column::Figure("runs"),
        Column::Figure("success"),
        Column::Figure("cost"),
        Column::Text("last run"),
        Column::Figure("findings"),
        Column::Text("file"),
    ];
    let mut text = table(columns, &rows, max_width);
    let more = page.total - page.agents.len();
    if more > 0 {
        text += &format!("{more} more: --limit shows them\n");
    }
    text
}

/// An agent whose executions may be another one's has no figures.
fn row(agent: &Agent) -> [String; 9] {
    let performance = &agent.performance;
    let is_known = !["ambiguous", "other"].contains(&performance.attribution.as_str());
    let figure = |text: String| or_dash(is_known.then_some(text));
    let rate = performance.task_success_rate.unwrap_or_default();
    [
        agent.run_name.clone(),
        agent.status.word().to_owned(),
        agent.scope.clone(),
        figure(performance.total_tasks.to_string()),
        percent(rate, performance.total_tasks),
        figure(dollars(performance.estimated_cost)),
        or_dash(agent.last_activity.as_deref().map(seconds)),
        agent.findings.len().to_string(),
        agent.file_path.clone(),
    ]
}
