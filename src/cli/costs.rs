//! `agentpulse costs`: what executions cost, by day, agent, model, session, kind, project, branch or host.

use clap::{Args, ValueEnum};

use super::failure::{Failure, failed};
use super::only::Only;
use super::output::{print, print_json};
use super::runtime::block_on;
use super::table::{Column, table, terminal_width};
use super::target::Target;
use super::text::dollars;
use agentpulse_api::params::MAX_DAYS;
use agentpulse_client::Control;
use agentpulse_core::sum::add;
use agentpulse_reports::costs::{self, Cost};

#[derive(Args)]
pub struct Costs {
    /// The column to sum by
    #[arg(long, value_enum, default_value = "day")]
    by: By,
    /// How many days to include, today being the last
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=MAX_DAYS.into()))]
    days: u32,
    /// How many names to list, the most costly first; all others are one row
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    only: Only,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Day,
    Agent,
    Model,
    Session,
    Kind,
    Project,
    Branch,
    Host,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            By::Day => "day",
            By::Agent => "agent",
            By::Model => "model",
            By::Session => "session",
            By::Kind => "kind",
            By::Project => "project",
            By::Branch => "branch",
            By::Host => "host",
        }
    }

    fn of(self, cost: &Cost) -> &Option<String> {
        match self {
            By::Day => &cost.date,
            By::Agent => &cost.agent_name,
            By::Model => &cost.model,
            By::Session => &cost.session_id,
            By::Kind => &cost.kind,
            By::Project => &cost.project,
            By::Branch => &cost.branch,
            By::Host => &cost.host,
        }
    }
}

impl Costs {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let by = self.by.name();
        let query = self.only.with([
            ("by", Some(by.to_owned())),
            ("days", Some(self.days.to_string())),
            ("limit", Some(self.limit.to_string())),
        ]);
        let control = Control::of(&config);
        let answer = block_on(control.report::<costs::Query>(None, &query))??;
        if self.json {
            return print_json(&answer.json);
        }
        let listed = answer.read().map_err(failed)?;
        print(&shown(self.by, &listed, terminal_width()))
    }
}

/// The sum of all rows comes last.
fn shown(by: By, listed: &costs::Costs, max_width: Option<usize>) -> String {
    let row = |name: String, [executions, tokens, unpriced]: [i64; 3], cost: f64| {
        let unpriced = Some(unpriced).filter(|&unpriced| unpriced > 0);
        [
            name,
            executions.to_string(),
            tokens.to_string(),
            dollars(cost),
            unpriced.map_or(String::new(), |unpriced| unpriced.to_string()),
        ]
    };
    let (mut sums, mut sum) = ([0; 3], 0.0);
    let mut rows = Vec::with_capacity(listed.costs.len() + 1);
    for cost in &listed.costs {
        let counts = [cost.executions, cost.total_tokens, cost.unpriced_count];
        let name = by.of(cost).clone().unwrap_or("(none named)".to_owned());
        rows.push(row(name, counts, cost.estimated_cost));
        for (sum, count) in sums.iter_mut().zip(counts) {
            add(sum, count);
        }
        sum += cost.estimated_cost;
    }
    rows.push(row("all".to_owned(), sums, sum));
    let columns = [
        Column::Text(by.name()),
        Column::Figure("executions"),
        Column::Figure("tokens"),
        Column::Figure("cost"),
        Column::Figure("without a price"),
    ];
    table(columns, &rows, max_width)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn listed(rows: Value) -> costs::Costs {
        let answer = json!({
            "costs": rows, "today": "2026-11-20", "time_zone": "UTC", "time_zone_since": null,
        });
        serde_json::from_value(answer).unwrap()
    }

    #[test]
    fn a_row_a_model_and_their_sum() {
        let row = |model: Option<&str>, executions: i64, cost: f64, unpriced: i64| {
            json!({
                "date": null, "agent_name": null, "model": model, "session_id": null,
                "executions": executions, "total_tokens": 1000 * executions,
                "estimated_cost": cost, "unpriced_count": unpriced,
            })
        };
        let rows = listed(json!([row(Some("opus"), 12, 1.5, 0), row(None, 3, 0.0, 3)]));
        let expect = "\
model         executions  tokens   cost  without a price
opus                  12   12000  $1.50
(none named)           3    3000  $0.00                3
all                   15   15000  $1.50                3
";
        assert_eq!(shown(By::Model, &rows, None), expect);
    }

    #[test]
    fn nothing_costs_nothing() {
        let expect = "\
day  executions  tokens   cost  without a price
all           0       0  $0.00
";
        assert_eq!(shown(By::Day, &listed(json!([])), None), expect);
    }
}
