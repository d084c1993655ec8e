//! `agentpulse prices`: what tokens cost, and which of them have no price.

mod update;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use self::update::Update;
use super::failure::{Failure, failed};
use super::output::{print, print_json};
use super::runtime::block_on;
use super::table::aligned;
use super::target::Target;
use agentpulse_api::params::MAX_DAYS;
use agentpulse_client::{Answer, AskError, Control};
use agentpulse_config::{Config, ConfigError};
use agentpulse_contract::exit;
use agentpulse_core::bucket::Day;
use agentpulse_core::price::{Listed, Prices};
use agentpulse_pipeline::clock::now_ms;
use agentpulse_reports::costs::{self, Cost};

#[derive(Subcommand)]
pub enum PricesCommand {
    /// Print today's prices, in dollars per million tokens
    Show,
    /// List models of past executions without a price; exit code 1 if there are any
    Check(Check),
    /// Take a newer table; a running daemon reloads it
    Update(Update),
    /// Go back to the table before the last update
    Revert,
}

#[derive(Args)]
pub struct Check {
    /// How many days to include, today being the last
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=MAX_DAYS.into()))]
    days: u32,
    /// Print the findings as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Checked {
    days: u32,
    /// The file of the table; none: the one that is built in.
    table: Option<PathBuf>,
    unpriced: Vec<Unpriced>,
    priced: Vec<Priced>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Unpriced {
    /// None where executions name none.
    model: Option<String>,
    /// Those without a price.
    executions: i64,
    /// Of all executions of the model, also of those with a price.
    total_tokens: i64,
    reason: &'static str,
}

#[derive(Debug, PartialEq, Serialize)]
struct Priced {
    model: Option<String>,
    executions: i64,
    total_tokens: i64,
    /// Dollars.
    estimated_cost: f64,
    /// The rows of the table that hold today, from 1; empty where executions state their own cost.
    rows: Vec<usize>,
}

/// The models whose executions of the last `days` have no price, and how many those are.
///
/// # Errors
/// No daemon, or one that does not answer.
pub async fn unpriced_of(control: &Control, days: u32) -> Result<Vec<(String, i64)>, AskError> {
    let answer = costs_of(control, days).await?;
    // A daemon of another version may answer in another form; the version is reported elsewhere.
    let costs = answer.read().unwrap_or_default();
    let unpriced = costs
        .costs
        .into_iter()
        .filter(|cost| cost.unpriced_count > 0);
    Ok(unpriced
        .map(|cost| (model_name(cost.model.as_deref()), cost.unpriced_count))
        .collect())
}

async fn costs_of(control: &Control, days: u32) -> Result<Answer<costs::Query>, AskError> {
    let query = [
        ("by", Some("model".to_owned())),
        ("days", Some(days.to_string())),
    ];
    control.report(None, &query).await
}

fn model_name(model: Option<&str>) -> String {
    model.unwrap_or("(none named)").to_owned()
}

impl PricesCommand {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        match self {
            PricesCommand::Show => show(&config),
            PricesCommand::Check(check) => check.run(&config),
            PricesCommand::Update(update) => update.run(&config),
            PricesCommand::Revert => update::revert(&config),
        }
    }
}

fn show(config: &Config) -> Result<(), Failure> {
    let prices = table(config)?;
    let rows = prices.all_listed(&today());
    let of = prices.date().map(|date| format!(", of {date}"));
    let head = format!(
        "table: {}{}\n",
        named(config.tables.prices_file()),
        of.unwrap_or_default()
    );
    print(&(head + &shown(&rows)))
}

/// A price holds from a day of UTC.
fn today() -> String {
    Day::utc_of(now_ms()).to_string()
}

impl Check {
    fn run(&self, config: &Config) -> Result<(), Failure> {
        let (prices, today) = (table(config)?, today());
        let answer = block_on(costs_of(&Control::of(config), self.days))??;
        let costs = answer.read().map_err(failed)?;
        let mut checked = Checked {
            days: self.days,
            table: config.tables.prices_file().map(Path::to_owned),
            unpriced: Vec::new(),
            priced: Vec::new(),
        };
        for cost in costs.costs {
            checked.add(cost, &prices, &today);
        }
        if self.json {
            let line = serde_json::to_string(&checked).map_err(failed)?;
            print_json(&line)?;
        } else {
            print(&checked.shown())?;
        }
        match checked.unpriced.len() {
            0 => Ok(()),
            1 => Err(failed("one model has executions without a price")),
            models => Err(failed(format_args!(
                "{models} models have executions without a price"
            ))),
        }
    }
}

impl Checked {
    fn add(&mut self, cost: Cost, prices: &Prices, today: &str) {
        let model = cost.model.as_deref().unwrap_or_default();
        let rows = prices.listed(model, today);
        if cost.unpriced_count > 0 {
            self.unpriced.push(Unpriced {
                reason: reason(&cost, &rows),
                model: cost.model.clone(),
                executions: cost.unpriced_count,
                total_tokens: cost.total_tokens,
            });
        }
        if cost.unpriced_count < cost.executions {
            self.priced.push(Priced {
                model: cost.model,
                executions: cost.executions - cost.unpriced_count,
                total_tokens: cost.total_tokens,
                estimated_cost: cost.estimated_cost,
                rows: rows.iter().map(|row| row.row).collect(),
            });
        }
    }

    fn shown(&self) -> String {
        let mut rows = vec![["", "model", "executions", "tokens", "cost", "by"].map(str::to_owned)];
        let name = |model: &Option<String>| model_name(model.as_deref());
        for one in &self.unpriced {
            rows.push([
                "NO PRICE".to_owned(),
                name(&one.model),
                one.executions.to_string(),
                one.total_tokens.to_string(),
                "-".to_owned(),
                one.reason.to_owned(),
            ]);
        }
        for one in &self.priced {
            let by = match one.rows.as_slice() {
                [] => "what executions state".to_owned(),
                rows => rows_named(rows),
            };
            rows.push([
                "ok".to_owned(),
                name(&one.model),
                one.executions.to_string(),
                one.total_tokens.to_string(),
                format!("${:.2}", one.estimated_cost),
                by,
            ]);
        }
        let table = named(self.table.as_deref());
        format!(
            "table: {table}\nlast {} days\n{}",
            self.days,
            aligned(&rows)
        )
    }
}

/// An execution is unpriced where it was counted; the table may have got a row since.
fn reason(cost: &Cost, rows: &[Listed]) -> &'static str {
    let usual = rows.iter().filter(|row| row.speed.is_none()).count();
    match (&cost.model, usual) {
        (None, _) => "no model is named",
        (_, 0) => "no row for it",
        (_, 1) => "its row came after them, or is not for their day, speed or region",
        _ => "priced by the length of each prompt",
    }
}

fn rows_named(rows: &[usize]) -> String {
    let numbers: Vec<String> = rows.iter().map(usize::to_string).collect();
    let word = if rows.len() == 1 { "row" } else { "rows" };
    format!("{word} {}", numbers.join(", "))
}

fn shown(listed: &[Listed]) -> String {
    let head = [
        "model",
        "row",
        "speed",
        "from",
        "prompt up to",
        "input",
        "output",
        "cache read",
        "5m write",
        "1h write",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(listed.iter().map(|one| {
        [
            one.model.clone(),
            one.row.to_string(),
            one.speed.clone().unwrap_or_else(|| "-".to_owned()),
            one.from.clone().unwrap_or_else(|| "-".to_owned()),
            one.prompt_up_to
                .map_or("-".to_owned(), |tokens| tokens.to_string()),
            one.input.to_string(),
            one.output.to_string(),
            one.cache_read.to_string(),
            one.cache_write_5m.to_string(),
            one.cache_write_1h.to_string(),
        ]
    }));
    aligned(&rows)
}

fn named(table: Option<&Path>) -> String {
    table.map_or("built in".to_owned(), |path| path.display().to_string())
}

/// The table that a daemon with these settings takes.
fn table(config: &Config) -> Result<Prices, Failure> {
    let wrong = |error: ConfigError| Failure::new(exit::CONFIG, error.to_string());
    config.tables.prices().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unpriced_models_come_first_with_the_reason() {
        let row = |model: Option<&str>, executions: i64, unpriced: i64| {
            json!({
                "date": null, "agent_name": null, "session_id": null, "model": model,
                "executions": executions, "total_tokens": 10 * executions,
                "estimated_cost": 0.5, "unpriced_count": unpriced,
            })
        };
        let answer = json!({"costs": [
            row(Some("claude-sonnet-5-5"), 4, 0),
            row(Some("gpt-9"), 2, 2),
            row(Some("haiku-5-5"), 3, 1),
            row(None, 5, 5),
        ], "today": "2026-11-20", "time_zone": "UTC", "time_zone_since": null});
        let costs: costs::Costs = serde_json::from_value(answer).unwrap();
        let mut checked = Checked {
            days: 7,
            table: None,
            unpriced: Vec::new(),
            priced: Vec::new(),
        };
        for cost in costs.costs {
            checked.add(cost, &Prices::default(), "2026-11-20");
        }
        let expect = "\
table: built in
last 7 days
          model              executions  tokens  cost   by
NO PRICE  gpt-9              2           20      -      no row for it
NO PRICE  haiku-5-5          1           30      -      priced by the length of each prompt
NO PRICE  (none named)       5           50      -      no model is named
ok        claude-sonnet-5-5  4           40      $0.50  row 3
ok        haiku-5-5          2           30      $0.50  rows 4, 5
";
        assert_eq!(checked.shown(), expect);
    }

    #[test]
    fn a_table_shows_five_rates_a_row() {
        let listed = Prices::default().listed("haiku-5-5", "2026-11-20");
        let expect = "\
model      row  speed  from  prompt up to  input  output  cache read  5m write  1h write
haiku-5-5  4    -      -     100000        0.1    0.5     0.01        0.125     0.2
haiku-5-5  5    -      -     -             0.5    2.5     0.05        0.625     1
";
        assert_eq!(shown(&listed), expect);
    }
}
