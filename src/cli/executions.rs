//! `agentpulse executions`: ended executions, newest first.

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::client::Control;
use super::path::with_query;
use super::table::{Column, table, terminal_width};
use super::text::{dollars, duration, or_dash};
use super::{Failure, Target, block_on, failed, print, print_json};

#[derive(Args)]
pub struct Executions {
    /// Only executions of the agent of this name
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only executions of agents of this type
    #[arg(long = "type", value_name = "TYPE")]
    agent_type: Option<String>,
    /// Only executions with this result
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Only executions of this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Only executions that ended then or later: a date, an RFC 3339 time or a Unix number
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only executions that ended before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Status {
    Success,
    Failure,
    Timeout,
}

/// As `GET /api/agents/executions` answers it.
#[derive(Deserialize)]
struct Page {
    executions: Vec<Ended>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Ended {
    agent_id: String,
    agent_name: String,
    agent_type: String,
    status: String,
    execution_end: Option<String>,
    duration_ms: Option<i64>,
    token_usage: Option<Tokens>,
    session_id: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    total_tokens: i64,
    estimated_cost: Option<f64>,
}

impl Executions {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let answer = block_on(Control::of(&config).get(&self.path()))??;
        if self.json {
            return print_json(&answer);
        }
        let page = serde_json::from_value(answer).map_err(failed)?;
        print(&shown(&page, terminal_width()))
    }

    fn path(&self) -> String {
        let status = self.status.map(|status| match status {
            Status::Success => "success",
            Status::Failure => "failure",
            Status::Timeout => "timeout",
        });
        let query = [
            ("agent_name", self.agent.as_deref()),
            ("agent_type", self.agent_type.as_deref()),
            ("status", status),
            ("session_id", self.session.as_deref()),
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
            ("limit", Some(&*self.limit.to_string())),
        ];
        with_query("/api/agents/executions", &query)
    }
}

fn shown(page: &Page, max_width: Option<usize>) -> String {
    let row = |ended: &Ended| {
        let usage = ended.token_usage.as_ref();
        [
            // Whole seconds: `2026-11-20T18:00:05Z`.
            or_dash(ended.execution_end.as_ref().map(|end| seconds(end))),
            ended.agent_name.clone(),
            ended.agent_type.clone(),
            ended.status.clone(),
            or_dash(ended.duration_ms.map(duration)),
            or_dash(usage.map(|usage| usage.total_tokens.to_string())),
            or_dash(usage.and_then(|usage| usage.estimated_cost).map(dollars)),
            ended.agent_id.clone(),
            or_dash(ended.session_id.clone()),
        ]
    };
    let rows: Vec<_> = page.executions.iter().map(row).collect();
    let columns = [
        Column::Text("ended"),
        Column::Text("agent"),
        Column::Text("type"),
        Column::Text("status"),
        Column::Figure("took"),
        Column::Figure("tokens"),
        Column::Figure("cost"),
        Column::Text("execution"),
        Column::Text("session"),
    ];
    let mut text = table(columns, &rows, max_width);
    if page.next_cursor.is_some() {
        text += "there are older ones: --limit shows more, --until goes back\n";
    }
    text
}

fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_an_execution_and_dashes_for_the_unknown() {
        let page = serde_json::from_value(json!({
            "executions": [
                {"agent_id": "x1", "agent_name": "zorp", "agent_type": "tester",
                 "status": "success", "execution_end": "2026-11-20T18:00:05.123Z",
                 "duration_ms": 4250, "session_id": "s",
                 "token_usage": {"total_tokens": 3800, "estimated_cost": 0.0076}},
                {"agent_id": "x2", "agent_name": "zorp", "agent_type": "tester",
                 "status": "timeout", "execution_end": "2026-11-20T17:00:05.000Z",
                 "duration_ms": null, "session_id": null, "token_usage": null},
            ],
            "next_cursor": "5_6",
        }));
        let expect = "\
ended                 agent  type    status   took  tokens     cost  execution  session
2026-11-20T18:00:05Z  zorp   tester  success  4.2s    3800  $0.0076  x1         s
2026-11-20T17:00:05Z  zorp   tester  timeout     –       –        –  x2         –
there are older ones: --limit shows more, --until goes back
";
        assert_eq!(shown(&page.unwrap(), None), expect);
    }

    #[test]
    fn filters_are_those_of_the_daemon() {
        let asked = Executions {
            agent: Some("a b".to_owned()),
            agent_type: None,
            status: Some(Status::Timeout),
            session: Some("s&t".to_owned()),
            since: Some("2026-11-20T00:00:00+01:00".to_owned()),
            until: None,
            limit: 7,
            json: false,
        };
        let expect = "/api/agents/executions?agent_name=a%20b&status=timeout&session_id=s%26t\
                      &since=2026-11-20T00%3A00%3A00%2B01%3A00&limit=7";
        assert_eq!(asked.path(), expect);
    }
}
