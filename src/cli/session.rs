//! `agentpulse session`: one session as a tree, and who spent what.

use clap::Args;

use super::failure::{Failure, failed};
use super::output::{print, print_json};
use super::runtime::block_on;
use super::show::known;
use super::table::Column::{self, Figure, Text};
use super::table::{aligned, table, terminal_width};
use super::target::Target;
use super::text::{dollars, duration, or_dash, seconds, short};
use agentpulse_client::Control;
use agentpulse_reports::costs::Cost;
use agentpulse_reports::session::{self, SessionDetail, SessionExecution};

const INDENT: &str = "  ";

#[derive(Args)]
pub struct Session {
    /// The id of a session
    #[arg(value_name = "ID")]
    id: String,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

impl Session {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        let answer = block_on(control.report::<session::Query>(Some(&self.id), &[]))??;
        if self.json {
            return print_json(&answer.json);
        }
        let detail = answer.read().map_err(failed)?;
        print(&shown(&detail, terminal_width()))
    }
}

/// What is known of it, its executions, then its agents and models.
fn shown(detail: &SessionDetail, max_width: Option<usize>) -> String {
    let head = serde_json::to_value(&detail.session).unwrap_or_default();
    let rows: Vec<_> = detail.executions.iter().map(row).collect();
    let columns = [
        Text("execution"),
        Text("status"),
        Text("started"),
        Figure("took"),
        Figure("tokens"),
        Figure("cost"),
        Text("model"),
        Text("tools"),
        Text("id"),
        Text("what"),
    ];
    let mut text = format!(
        "{}\n{}",
        aligned(&known(&head)),
        table(columns, &rows, max_width)
    );
    if let Some(client) = &detail.client {
        let verdict = match client.is_equal {
            true => "and the same tokens: verified",
            false => "which was not counted so: `agentpulse verify claude-code` explains it",
        };
        text += &format!("\nthe client says {}, {verdict}\n", dollars(client.cost));
    }
    if detail.omitted > 0 {
        text += &format!("{} older ones are not listed\n", detail.omitted);
    }
    let agent = |cost: &Cost| cost.agent_name.clone();
    text += &sums(Text("agent"), &detail.by_agent, agent, max_width);
    let model = |cost: &Cost| cost.model.clone();
    text + &sums(Text("model"), &detail.by_model, model, max_width)
}

fn row(one: &SessionExecution) -> [String; 10] {
    let usage = one.token_usage.as_ref();
    let total = usage.map(|usage| short(usage.total_tokens.cast_signed()));
    let name = match one.level {
        0 => one.agent_name.clone(),
        level => format!("{}{}", INDENT.repeat(level), one.agent_name),
    };
    [
        name,
        one.status.to_string(),
        or_dash(one.execution_start.as_deref().map(seconds)),
        or_dash(one.duration_ms.map(u64::cast_signed).map(duration)),
        or_dash(total),
        or_dash(usage.and_then(|usage| usage.estimated_cost).map(dollars)),
        or_dash(one.model.clone()),
        or_dash(tools(one)),
        one.agent_id.clone(),
        what(one),
    ]
}

/// Those that were called; of one that runs the one that is called now.
fn tools(one: &SessionExecution) -> Option<String> {
    let called = one.tool_calls.iter().filter(|(_, calls)| **calls > 0);
    let called: Vec<String> = called
        .map(|(tool, calls)| format!("{tool} {calls}"))
        .collect();
    match called.is_empty() {
        true => one.current_tool.clone(),
        false => Some(called.join(", ")),
    }
}

/// Why it failed, else what it was to do.
fn what(one: &SessionExecution) -> String {
    let error = one.error_details.as_ref().map(|error| error.fields());
    let part = |name: &str| error.as_ref()?.get(name)?.as_str().map(str::to_owned);
    let error: Vec<String> = [part("type"), part("message")]
        .into_iter()
        .flatten()
        .collect();
    match error.is_empty() {
        true => one.task_description.clone().unwrap_or_default(),
        false => error.join(": "),
    }
}

/// A table below a blank line; empty without rows.
fn sums(
    name: Column,
    costs: &[Cost],
    named: fn(&Cost) -> Option<String>,
    max_width: Option<usize>,
) -> String {
    if costs.is_empty() {
        return String::new();
    }
    let row = |cost: &Cost| {
        let more = if cost.unpriced_count > 0 { "+" } else { "" };
        let is_known = cost.total_tokens > 0 || cost.estimated_cost > 0.0;
        let sum = is_known.then(|| format!("{}{more}", dollars(cost.estimated_cost)));
        [
            or_dash(named(cost)),
            cost.executions.to_string(),
            short(cost.total_tokens),
            or_dash(sum),
        ]
    };
    let rows: Vec<_> = costs.iter().map(row).collect();
    let columns = [name, Figure("executions"), Figure("tokens"), Figure("cost")];
    format!("\n{}", table(columns, &rows, max_width))
}
