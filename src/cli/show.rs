//! `agentpulse show`: one execution in full, or how one agent did.

use clap::Args;
use hyper::StatusCode;
use serde_json::Value;

use super::failure::{Failure, failed};
use super::output::{print, print_json};
use super::runtime::block_on;
use super::status::rows;
use super::table::Column::{self, Figure, Text};
use super::table::{aligned, table, terminal_width};
use super::target::Target;
use super::text::{clean, duration, or_dash, percent};
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::MAX_DAYS;
use agentpulse_client::path::Pair;
use agentpulse_client::{AskError, Control};
use agentpulse_reports::{errors, execution, performance};

/// Errors of an agent that a table shows; JSON has all that the daemon sends.
const ERRORS: usize = 10;

#[derive(Args)]
pub struct Show {
    /// The id of an execution, or else the name of an agent
    #[arg(value_name = "AGENT_OR_EXECUTION")]
    name: String,
    /// How many days of an agent to include, today being the last
    #[arg(long, value_name = "N", default_value_t = 7,
          value_parser = clap::value_parser!(u32).range(1..=MAX_DAYS.into()))]
    days: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

enum Found {
    Execution(Value),
    /// With its errors.
    Agent(Value),
}

impl Show {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let found = block_on(self.find(&Control::of(&config)))??;
        match found {
            Found::Execution(answer) | Found::Agent(answer) if self.json => print_json(&answer),
            Found::Execution(answer) => print(&aligned(&known(&answer))),
            Found::Agent(answer) => print(&agent(&answer, terminal_width())),
        }
    }

    async fn find(&self, control: &Control) -> Result<Found, Failure> {
        let (name, days) = (self.name.as_str(), [("days", Some(self.days.to_string()))]);
        if let Some(answer) = there::<execution::Query>(control, name, &[]).await? {
            return Ok(Found::Execution(answer));
        }
        let performance = there::<performance::Query>(control, name, &days).await?;
        let Some(mut answer) = performance else {
            let name = clean(name);
            return Err(failed(format_args!(
                "no execution has the id {name}, and no agent has that name"
            )));
        };
        let errors = there::<errors::Query>(control, name, &[]).await?;
        answer["errors"] = errors.unwrap_or_default()["errors"].take();
        Ok(Found::Agent(answer))
    }
}

/// Returns `None` if the daemon knows none of that name.
async fn there<E: Endpoint>(
    control: &Control,
    name: &str,
    query: &[Pair],
) -> Result<Option<Value>, AskError> {
    match control.report::<E>(Some(name), query).await {
        Err(AskError::Refused(StatusCode::NOT_FOUND, _)) => Ok(None),
        answer => Ok(Some(answer?.json)),
    }
}

/// What is known of it, a row a value.
pub fn known(answer: &Value) -> Vec<[String; 2]> {
    let mut rows = rows(answer);
    rows.retain(|[_, value]| value != "-" && value != "[]" && value != "{}");
    rows
}

/// Its sums, then its days, its slowest executions and its last errors.
fn agent(answer: &Value, max_width: Option<usize>) -> String {
    let mut sums = answer.clone();
    let mut list = |name: &str| match sums[name].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let (days, slowest, errors) = (list("daily_trend"), list("slowest"), list("errors"));
    let mut text = aligned(&known(&sums));
    let columns = [
        Text("day"),
        Figure("executions"),
        Figure("avg"),
        Figure("success"),
    ];
    text += &block(columns, &days, max_width, |day| {
        let executions = day["executions"].as_i64().unwrap_or_default();
        [
            word(&day["date"]),
            executions.to_string(),
            or_dash(day["avg_duration_ms"].as_i64().map(duration)),
            percent(day["success_rate"].as_f64().unwrap_or_default(), executions),
        ]
    });
    let columns = [
        Figure("slowest"),
        Text("ended"),
        Text("status"),
        Text("execution"),
    ];
    text += &block(columns, &slowest, max_width, |slow| {
        [
            or_dash(slow["duration_ms"].as_i64().map(duration)),
            word(&slow["execution_end"]),
            word(&slow["status"]),
            word(&slow["agent_id"]),
        ]
    });
    let columns = [
        Text("not well"),
        Text("ended"),
        Text("execution"),
        Text("error"),
    ];
    let last = &errors[..errors.len().min(ERRORS)];
    text += &block(columns, last, max_width, |error| {
        let details = known(&error["error_details"]);
        let details = details
            .iter()
            .map(|[name, value]| format!("{name}: {value}"));
        [
            word(&error["status"]),
            word(&error["execution_end"]),
            word(&error["agent_id"]),
            details.collect::<Vec<_>>().join(", "),
        ]
    });
    text
}

/// A table below a blank line; empty without rows.
fn block<const N: usize>(
    columns: [Column; N],
    items: &[Value],
    max_width: Option<usize>,
    row: fn(&Value) -> [String; N],
) -> String {
    match items {
        [] => String::new(),
        items => {
            let rows: Vec<_> = items.iter().map(row).collect();
            format!("\n{}", table(columns, &rows, max_width))
        }
    }
}

fn word(value: &Value) -> String {
    or_dash(value.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_agent_has_sums_and_lists() {
        let answer = json!({
            "agent_name": "zorp", "total_executions": 2,
            "performance": {"p50_duration_ms": 7, "p99_duration_ms": null},
            "daily_trend": [{"date": "2026-11-20", "executions": 2, "avg_duration_ms": 1500,
                             "success_rate": 0.5}],
            "slowest": [],
            "errors": [{"agent_id": "x", "agent_name": "zorp", "status": "failure",
                        "execution_end": "2026-11-20T18:00:05.123Z",
                        "error_details": {"type": "E\u{1b}", "message": null}}],
        });
        let expect = "\
agent_name                   zorp
performance.p50_duration_ms  7
total_executions             2

day         executions   avg  success
2026-11-20           2  1.5s    50.0%

not well  ended                     execution  error
failure   2026-11-20T18:00:05.123Z  x          type: E
";
        assert_eq!(agent(&answer, None), expect);
    }
}
