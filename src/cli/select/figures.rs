//! What became of all selections, and forgetting them.

use clap::Args;
use hyper::Method;
use serde_json::Value;

use crate::cli::failure::{Failure, failed};
use crate::cli::output::{print, print_json};
use crate::cli::runtime::block_on;
use crate::cli::table::Column::{Figure, Text};
use crate::cli::table::{table, terminal_width};
use agentpulse_client::{Control, LONG};
use agentpulse_reports::selection::{Counts, Stats, StatsQuery};

#[derive(Args)]
pub struct Figures {
    /// Show what became of selections that were kept
    #[arg(long, conflicts_with_all = ["task", "forget"])]
    stats: bool,
    /// Of so many days, today included
    #[arg(long, value_name = "N", requires = "stats", default_value_t = 7,
          value_parser = clap::value_parser!(u32).range(1..=400))]
    days: u32,
    /// Forget all selections that were kept, and what they taught
    #[arg(long, conflicts_with = "task")]
    forget: bool,
}

impl Figures {
    pub fn run(&self, control: &Control, as_json: bool) -> Result<(), Failure> {
        if self.forget {
            let path = "/control/selections/forget";
            let forgotten = block_on(control.ask(Method::POST, path, LONG))??;
            return match as_json {
                true => print_json(&forgotten),
                false => print(&format!("{} selections forgotten\n", count(&forgotten))),
            };
        }
        let query = [("days", Some(self.days.to_string()))];
        let answer = block_on(control.report::<StatsQuery>(None, &query))??;
        if as_json {
            return print_json(&answer.json);
        }
        let stats = answer.read().map_err(failed)?;
        print(&shown(&stats, terminal_width()))
    }
}

fn count(forgotten: &Value) -> u64 {
    forgotten["selections"].as_u64().unwrap_or_default()
}

fn shown(stats: &Stats, max_width: Option<usize>) -> String {
    let row = |date: &str, counts: &Counts| {
        let reward = counts.mean_reward.map(|reward| format!("{reward:.2}"));
        [
            date.to_owned(),
            counts.selections.to_string(),
            counts.answered.to_string(),
            counts.agreed.to_string(),
            counts.explored.to_string(),
            counts.outcomes.to_string(),
            reward.unwrap_or_else(|| "-".to_owned()),
        ]
    };
    let mut rows: Vec<[String; 7]> = stats
        .daily
        .iter()
        .map(|day| row(&day.date, &day.counts))
        .collect();
    rows.push(row("all", &stats.total));
    let head = [
        Text("day"),
        Figure("selections"),
        Figure("answered"),
        Figure("as without learning"),
        Figure("drawn"),
        Figure("outcomes"),
        Figure("reward"),
    ];
    table(head, &rows, max_width)
}
