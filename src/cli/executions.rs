//! `agentpulse executions`: ended executions, newest first.

use clap::{Args, ValueEnum};

use super::failure::{Failure, failed};
use super::only::Only;
use super::output::{print, print_json};
use super::runtime::block_on;
use super::table::{Column, table, terminal_width};
use super::target::Target;
use super::text::{dollars, duration, or_dash, seconds};
use agentpulse_client::Control;
use agentpulse_client::path::Pair;
use agentpulse_core::item::Item;
use agentpulse_reports::executions::{self, Executions as List};

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
    #[command(flatten)]
    only: Only,
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

impl Executions {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        let answer = block_on(control.report::<executions::Page>(None, &self.query()))??;
        if self.json {
            return print_json(&answer.json);
        }
        let page = answer.read().map_err(failed)?;
        print(&shown(&page, terminal_width()))
    }

    fn query(&self) -> Vec<Pair> {
        let status = self.status.map(|status| match status {
            Status::Success => "success",
            Status::Failure => "failure",
            Status::Timeout => "timeout",
        });
        self.only.with([
            ("agent_name", self.agent.clone()),
            ("agent_type", self.agent_type.clone()),
            ("status", status.map(str::to_owned)),
            ("session_id", self.session.clone()),
            ("since", self.since.clone()),
            ("until", self.until.clone()),
            ("limit", Some(self.limit.to_string())),
        ])
    }
}

fn shown(page: &List, max_width: Option<usize>) -> String {
    let row = |ended: &Item| {
        let usage = ended.token_usage.as_ref();
        [
            or_dash(ended.execution_end.as_ref().map(|end| seconds(end))),
            ended.agent_name.to_string(),
            ended.agent_type.to_string(),
            ended.status.to_string(),
            or_dash(ended.duration_ms.map(u64::cast_signed).map(duration)),
            or_dash(usage.map(|usage| usage.total_tokens.to_string())),
            or_dash(usage.and_then(|usage| usage.estimated_cost).map(dollars)),
            ended.agent_id.to_string(),
            or_dash(ended.session_id.as_deref().map(str::to_owned)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_client::path;
    use agentpulse_core::item::Tokens;

    #[test]
    fn a_row_an_execution_and_dashes_for_the_unknown() {
        let first = Item {
            agent_id: "x1".into(),
            agent_name: "zorp".into(),
            agent_type: "tester".into(),
            status: "success".into(),
            execution_end: Some("2026-11-20T18:00:05.123Z".to_owned()),
            duration_ms: Some(4_250),
            session_id: Some("s".into()),
            token_usage: Some(Tokens {
                total_tokens: 3_800,
                estimated_cost: Some(0.0076),
                ..Tokens::default()
            }),
            ..Item::default()
        };
        let second = Item {
            agent_id: "x2".into(),
            status: "timeout".into(),
            execution_end: Some("2026-11-20T17:00:05.000Z".to_owned()),
            duration_ms: None,
            session_id: None,
            token_usage: None,
            ..first.clone()
        };
        let page = List {
            executions: vec![first, second],
            next_cursor: executions::PageEnd::parse("5_6"),
        };
        let expect = "\
ended                 agent  type    status   took  tokens     cost  execution  session
2026-11-20T18:00:05Z  zorp   tester  success  4.2s    3800  $0.0076  x1         s
2026-11-20T17:00:05Z  zorp   tester  timeout     –       –        –  x2         –
there are older ones: --limit shows more, --until goes back
";
        assert_eq!(shown(&page, None), expect);
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
            only: Only::default(),
            json: false,
        };
        let expect = "/api/agents/executions?agent_name=a%20b&status=timeout&session_id=s%26t\
                      &since=2026-11-20T00%3A00%3A00%2B01%3A00&limit=7";
        assert_eq!(path::of::<executions::Page>(None, &asked.query()), expect);
    }
}
