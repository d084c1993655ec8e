//! The running agents as plain text: no escape codes, and whole lines unless it is a terminal.

use super::draw::head::{alerts, omitted, rates, sums};
use super::hour::LastHour;
use super::order::{Sort, rows};
use super::snapshot::Snapshot;
use crate::cli::table::{Column, table};
use crate::cli::text::{dollars, duration, or_dash};

pub fn shown(
    snapshot: &Snapshot,
    hour: &LastHour,
    now_ms: i64,
    max_width: Option<usize>,
) -> String {
    let mut text = sums(&snapshot.totals).join("  ") + "\n";
    text += &(rates(hour, now_ms).join("  ") + "\n");
    if snapshot.from_history {
        text += "from history: tools and progress are not known\n";
    }
    for (_, alert) in alerts(snapshot) {
        text += &(alert + "\n");
    }
    text.extend(omitted(snapshot).map(|line| line + "\n"));
    let rows = rows(&snapshot.running, "", Sort::default(), false);
    let cells = |row: &super::order::Row| {
        let running = row.running;
        let hung = match running.deadline_ms {
            Some(deadline_ms) if running.is_near_deadline(now_ms) => {
                format!("in {}", duration(deadline_ms.saturating_sub(now_ms)))
            }
            _ => String::new(),
        };
        [
            "  ".repeat(row.depth) + &running.name,
            running.agent_type.clone(),
            duration(running.elapsed_ms(now_ms)),
            or_dash(running.tool.clone()),
            or_dash(running.progress.map(super::draw::whole_percent)),
            or_dash(running.tokens.map(|tokens| tokens.to_string())),
            or_dash(running.cost.map(dollars)),
            running.id.clone(),
            hung,
        ]
    };
    let columns = [
        Column::Text("agent"),
        Column::Text("type"),
        Column::Figure("elapsed"),
        Column::Text("tool"),
        Column::Figure("done"),
        Column::Figure("tokens"),
        Column::Figure("cost"),
        Column::Text("execution"),
        Column::Text("hung"),
    ];
    text + &table(
        columns,
        &rows.iter().map(cells).collect::<Vec<_>>(),
        max_width,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::top::hour::Ended;
    use crate::cli::top::snapshot::{Alert, Running};
    use agentpulse_reports::current::Totals;

    #[test]
    fn a_table_for_scripts() {
        let running = |id: &str, started_ms| Running {
            id: id.to_owned(),
            name: format!("agent-{id}"),
            agent_type: "tester".to_owned(),
            started_ms,
            ..Running::default()
        };
        let child = Running {
            parent_id: Some("x".to_owned()),
            tool: Some("Bash".to_owned()),
            progress: Some(0.456),
            tokens: Some(12_345),
            cost: Some(0.25),
            last_sign_ms: Some(80_000),
            deadline_ms: Some(105_000),
            ..running("y", 90_500)
        };
        let snapshot = Snapshot {
            totals: Totals {
                active_agents: 2,
                executions_today: 1832,
                success_rate: 0.9383,
                avg_duration_ms: 103_809,
                tokens_used_today: 8_315_363,
                estimated_cost_today: 232.80,
                ..Totals::default()
            },
            running: vec![child, running("x", 40_000)],
            alerts: vec![Alert {
                is_critical: true,
                text: "too much".to_owned(),
            }],
            from_history: false,
            omitted: 7,
        };
        let ended = Ended {
            at_ms: 99_000,
            executions: 2,
            tokens: 12_345,
            cost: 0.25,
        };
        let hour = LastHour::begin(vec![ended], 0);
        let expect = "\
running 2  today 1832  success 93.8%  avg 1m43s  tokens 8.3M  cost $232.80
last minute  2 ended  12.3k tokens  $0.25
ALERT  too much
7 more run and are not listed
agent      type    elapsed  tool  done  tokens   cost  execution  hung
agent-x    tester    1m00s  –        –       –      –  x
  agent-y  tester     9.5s  Bash   46%   12345  $0.25  y          in 5.0s
";
        assert_eq!(shown(&snapshot, &hour, 100_000, None), expect);
    }
}
