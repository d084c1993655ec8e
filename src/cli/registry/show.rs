//! `agentpulse registry show`: one definition, and how its agent does.

use clap::Args;

use agentpulse_client::Control;
use agentpulse_reports::registry::Agent;
use agentpulse_reports::registry::show::Query;

use crate::cli::failure::{Failure, failed};
use crate::cli::output::{print, print_json};
use crate::cli::runtime::block_on;
use crate::cli::target::Target;
use crate::cli::text::{clean, dollars, duration, or_dash, percent, seconds};

#[derive(Args)]
pub struct Show {
    /// The name of the agent, or the agent_id of a definition
    name: String,
    /// As a client has it that is started in this project, such as '~/shop'
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Print the prompt, of a definition of the library, and nothing else
    #[arg(long, conflicts_with_all = ["json", "project"])]
    body: bool,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        let body = self.body.then(|| "true".to_owned());
        let query = [("project", self.project), ("body", body)];
        let answer = block_on(control.report::<Query>(Some(&self.name), &query))??;
        if self.json {
            return print_json(&answer.json);
        }
        let agent = answer.read().map_err(failed)?;
        match agent.body {
            Some(body) => print(&body),
            None => print(&shown(&agent)),
        }
    }
}

fn shown(agent: &Agent) -> String {
    let (config, performance) = (&agent.config, &agent.performance);
    let listed = |list: &[String]| or_dash((!list.is_empty()).then(|| list.join(", ")));
    let tools = config.tools.as_deref().map_or("all".to_owned(), listed);
    let runs = match performance.attribution.as_str() {
        "ambiguous" => "several definitions have the name".to_owned(),
        "other" => "those of the name are of a definition that the client looks for".to_owned(),
        _ => format!(
            "{} in {} days, {} succeeded, {} on average, {}",
            performance.total_tasks,
            performance.days,
            percent(
                performance.task_success_rate.unwrap_or_default(),
                performance.total_tasks
            ),
            or_dash(performance.avg_response_time_ms.map(duration)),
            dollars(performance.estimated_cost),
        ),
    };
    let rows = [
        ("agent", agent.run_name.clone()),
        ("id", agent.agent_id.clone()),
        ("file", agent.file_path.clone()),
        ("scope", agent.scope.clone()),
        ("project", or_dash(agent.project.clone())),
        ("status", agent.status.word().to_owned()),
        ("shadowed by", or_dash(agent.shadowed_by.clone())),
        ("version", agent.version.clone()),
        (
            "modified",
            or_dash(agent.last_modified.as_deref().map(seconds)),
        ),
        ("description", config.description.clone()),
        ("model", or_dash(config.model.clone())),
        ("tools", tools),
        ("mcp servers", listed(&config.mcp_servers)),
        ("runs", runs),
        ("runs now", agent.resources.active_tasks.to_string()),
        (
            "last run",
            or_dash(agent.last_activity.as_deref().map(seconds)),
        ),
    ];
    let line = |(name, value): (&str, String)| format!("{name:<11}  {}\n", clean(&value));
    let mut text: String = rows.into_iter().map(line).collect();
    for finding in &agent.findings {
        let place = format!("{}:{}", finding.line, finding.column);
        let said = format!("{place} {}: {}", finding.code, finding.message);
        text += &line((
            &finding.severity,
            format!("{said}; the client {}", finding.client),
        ));
    }
    text
}
