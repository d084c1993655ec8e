//! `agentpulse sessions`: the runs of coding agents' clients, newest first.

use clap::Args;

use super::failure::{Failure, failed};
use super::output::{print, print_json};
use super::runtime::block_on;
use super::table::{Column, table, terminal_width};
use super::target::Target;
use super::text::{dollars, or_dash, seconds, short};
use agentpulse_client::Control;
use agentpulse_client::path::Pair;
use agentpulse_reports::sessions::{self, Session};

#[derive(Args)]
pub struct Sessions {
    /// Only sessions that ended then or later: a date, an RFC 3339 time or a Unix number
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only sessions that ended before
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

impl Sessions {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        let answer = block_on(control.report::<sessions::Page>(None, &self.query()))??;
        if self.json {
            return print_json(&answer.json);
        }
        let page = answer.read().map_err(failed)?;
        print(&shown(&page, terminal_width()))
    }

    fn query(&self) -> [Pair; 3] {
        [
            ("since", self.since.clone()),
            ("until", self.until.clone()),
            ("limit", Some(self.limit.to_string())),
        ]
    }
}

fn shown(page: &sessions::Sessions, max_width: Option<usize>) -> String {
    let rows: Vec<_> = page.sessions.iter().map(row).collect();
    let columns = [
        Column::Text("started"),
        Column::Text("ended"),
        Column::Text("status"),
        Column::Figure("turns"),
        Column::Figure("agents"),
        Column::Figure("failed"),
        Column::Figure("tokens"),
        Column::Figure("cost"),
        Column::Text("models"),
        Column::Text("session"),
    ];
    let mut text = table(columns, &rows, max_width);
    if page.next_cursor.is_some() {
        text += "there are older ones: --limit shows more, --until goes back\n";
    }
    text
}

fn row(session: &Session) -> [String; 10] {
    [
        or_dash(session.started_at.as_deref().map(seconds)),
        or_dash(session.ended_at.as_deref().map(seconds)),
        session.status.to_string(),
        session.turns.to_string(),
        session.agent_runs.to_string(),
        session.failures.to_string(),
        short(tokens(session).cast_signed()),
        cost(session),
        session.models.join(", "),
        session.session_id.clone(),
    ]
}

/// With what runs, so far.
fn tokens(session: &Session) -> u64 {
    let so_far = session.usage_so_far.as_ref();
    let so_far = so_far.map_or(0, |usage| usage.total_tokens);
    session.token_usage.total_tokens.saturating_add(so_far)
}

/// With what runs, so far; `+` where more has no price.
fn cost(session: &Session) -> String {
    let usages = [Some(&session.token_usage), session.usage_so_far.as_ref()];
    let costs = usages.into_iter().flatten();
    let sum: f64 = costs.filter_map(|usage| usage.estimated_cost).sum();
    let more = if session.unpriced_count > 0 { "+" } else { "" };
    format!("{}{more}", dollars(sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_core::item::Tokens;

    #[test]
    fn a_row_a_session_with_what_runs_in_its_sums() {
        let tokens = |total_tokens, cost| Tokens {
            total_tokens,
            estimated_cost: Some(cost),
            ..Tokens::default()
        };
        let running = Session {
            session_id: "s1".to_owned(),
            status: "running".into(),
            started_at: Some("2026-11-20T18:00:05.123Z".to_owned()),
            running: 1,
            turns: 2,
            agent_runs: 3,
            models: vec!["m".to_owned(), "n".to_owned()],
            token_usage: tokens(4_000, 1.5),
            unpriced_count: 1,
            usage_so_far: Some(tokens(600, 0.25)),
            ..Session::default()
        };
        let ended = Session {
            session_id: "s2".to_owned(),
            status: "failure".into(),
            started_at: None,
            ended_at: Some("2026-11-20T17:00:00.000Z".to_owned()),
            failures: 1,
            usage_so_far: None,
            unpriced_count: 0,
            ..running.clone()
        };
        let page = sessions::Sessions {
            sessions: vec![running, ended],
            next_cursor: sessions::PageEnd::parse("5_6"),
        };
        let expect = "\
started               ended                 status   turns  agents  failed  tokens  \
            \x20 cost  models  session
2026-11-20T18:00:05Z  –                     running      2       3       0    4.6k  \
            $1.75+  m, n    s1
–                     2026-11-20T17:00:00Z  failure      2       3       1    4.0k  \
            \x20$1.50  m, n    s2
there are older ones: --limit shows more, --until goes back
";
        assert_eq!(shown(&page, None), expect);
    }
}
