//! `agentpulse agents`: how each agent did over the last days.

use clap::Args;
use hyper::StatusCode;
use serde::Serialize;

use super::failure::{Failure, failed};
use super::only::Only;
use super::output::{print, print_json};
use super::runtime::block_on;
use super::table::{Column, table, terminal_width};
use super::target::Target;
use super::text::{dollars, duration, or_dash, percent};
use agentpulse_api::params::MAX_DAYS;
use agentpulse_client::{AskError, Control};
use agentpulse_core::names::OTHER;
use agentpulse_reports::performance::Performance;
use agentpulse_reports::{costs, executions, performance};

#[derive(Args)]
pub struct Agents {
    /// How many days to include, today being the last
    #[arg(long, value_name = "N", default_value_t = 7,
          value_parser = clap::value_parser!(u32).range(1..=MAX_DAYS.into()))]
    days: u32,
    /// How many at most, the most costly first
    // Each takes two questions; so many are answered in some seconds.
    #[arg(long, value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    only: Only,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, PartialEq, Serialize)]
struct Agent {
    agent_name: String,
    agent_type: Option<String>,
    executions: i64,
    /// 0..1.
    success_rate: f64,
    avg_duration_ms: Option<i64>,
    p95_duration_ms: Option<u64>,
    total_tokens: i64,
    /// Dollars.
    estimated_cost: f64,
}

impl Agents {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let agents = block_on(self.ask(&Control::of(&config)))??;
        if self.json {
            let answer = serde_json::json!({ "agents": agents });
            return print_json(&answer);
        }
        print(&shown(&agents, terminal_width()))
    }

    async fn ask(&self, control: &Control) -> Result<Vec<Agent>, Failure> {
        let days = Some(self.days.to_string());
        let query = self.only.with([
            ("by", Some("agent".to_owned())),
            ("limit", Some("1000".to_owned())),
            ("days", days.clone()),
        ]);
        let answer = control.report::<costs::Query>(None, &query).await?;
        let listed = answer.read().map_err(failed)?;
        let names = listed.costs.into_iter().filter_map(|cost| cost.agent_name);
        let names = names.filter(|name| name != OTHER);
        let mut agents = Vec::new();
        let query = self.only.with([("days", days)]);
        for name in names.take(self.limit as usize) {
            let answer = match control
                .report::<performance::Query>(Some(&name), &query)
                .await
            {
                // It was dropped from history meanwhile.
                Err(AskError::Refused(StatusCode::NOT_FOUND, _)) => continue,
                answer => answer?,
            };
            let performance = answer.read().map_err(failed)?;
            agents.push(Agent::of(performance, agent_type(control, &name).await?));
        }
        Ok(agents)
    }
}

/// That of its last execution.
async fn agent_type(control: &Control, name: &str) -> Result<Option<String>, Failure> {
    let query = [
        ("agent_name", Some(name.to_owned())),
        ("limit", Some("1".to_owned())),
    ];
    let answer = control.report::<executions::Page>(None, &query).await?;
    let last = &answer.json["executions"][0]["agent_type"];
    Ok(last.as_str().map(str::to_owned))
}

impl Agent {
    fn of(performance: Performance, agent_type: Option<String>) -> Agent {
        let p95_duration_ms = performance.performance.p95_duration_ms;
        Agent {
            agent_type,
            executions: performance.total_executions,
            success_rate: performance.success_rate,
            avg_duration_ms: p95_duration_ms.map(|_| performance.avg_duration_ms),
            p95_duration_ms,
            total_tokens: performance.token_usage.total_tokens,
            estimated_cost: performance.token_usage.estimated_cost,
            agent_name: performance.agent_name,
        }
    }
}

fn shown(agents: &[Agent], max_width: Option<usize>) -> String {
    let row = |agent: &Agent| {
        [
            agent.agent_name.clone(),
            or_dash(agent.agent_type.clone()),
            agent.executions.to_string(),
            percent(agent.success_rate, agent.executions),
            or_dash(agent.avg_duration_ms.map(duration)),
            or_dash(agent.p95_duration_ms.map(u64::cast_signed).map(duration)),
            agent.total_tokens.to_string(),
            dollars(agent.estimated_cost),
        ]
    };
    let rows: Vec<_> = agents.iter().map(row).collect();
    let columns = [
        Column::Text("agent"),
        Column::Text("type"),
        Column::Figure("executions"),
        Column::Figure("success"),
        Column::Figure("avg"),
        Column::Figure("p95"),
        Column::Figure("tokens"),
        Column::Figure("cost"),
    ];
    table(columns, &rows, max_width)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn agent(performance: Value) -> Agent {
        Agent::of(
            serde_json::from_value(performance).unwrap(),
            Some("tester".to_owned()),
        )
    }

    #[test]
    fn without_a_known_duration_there_is_no_mean() {
        let known = agent(json!({
            "agent_name": "zorp", "total_executions": 4, "success_rate": 0.75,
            "avg_duration_ms": 2500, "performance": {"p95_duration_ms": 61000},
            "token_usage": {"avg_tokens": 5, "total_tokens": 20, "estimated_cost": 0.5},
            "daily_trend": [], "slowest": [],
            "today": "1970-01-01", "time_zone": "UTC", "time_zone_since": null,
        }));
        let unknown = agent(json!({
            "agent_name": "x", "total_executions": 0, "success_rate": 0.0,
            "avg_duration_ms": 0, "performance": {"p95_duration_ms": null},
            "token_usage": {"avg_tokens": 0, "total_tokens": 0, "estimated_cost": 0.0},
            "daily_trend": [], "slowest": [],
            "today": "1970-01-01", "time_zone": "UTC", "time_zone_since": null,
        }));
        let expect = "\
agent  type    executions  success   avg    p95  tokens   cost
zorp   tester           4    75.0%  2.5s  1m01s      20  $0.50
x      tester           0        –     –      –       0  $0.00
";
        assert_eq!(shown(&[known, unknown], None), expect);
    }
}
