//! `agentpulse tools`: which tools were used, by whom, and which of them together.

use clap::{Args, ValueEnum};

use super::export::parse_day;
use super::failure::{Failure, failed};
use super::only::Only;
use super::output::{print, print_json};
use super::runtime::block_on;
use super::table::{Column, table, terminal_width};
use super::target::Target;
use super::text::{clean, percent};
use agentpulse_client::Control;
use agentpulse_core::bucket::Day;
use agentpulse_reports::tools::{self, Tool, ToolUsage};

#[derive(Args)]
pub struct Tools {
    /// The period to show
    #[arg(long, value_enum, default_value = "day")]
    period: Period,
    /// The last day of it, such as 2026-11-20 [default: today]
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    date: Option<Day>,
    #[command(flatten)]
    only: Only,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Period {
    Day,
    Week,
    Month,
}

impl Tools {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let period = match self.period {
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
        };
        let query = self.only.with([
            ("period", Some(period.to_owned())),
            ("date", self.date.map(|date| date.to_string())),
        ]);
        let control = Control::of(&config);
        let answer = block_on(control.report::<tools::Query>(None, &query))??;
        if self.json {
            return print_json(&answer.json);
        }
        let usage = answer.read().map_err(failed)?;
        print(&shown(&usage, terminal_width()))
    }
}

fn shown(usage: &ToolUsage, max_width: Option<usize>) -> String {
    let row = |tool: &Tool| {
        [
            tool.name.clone(),
            tool.usage_count.to_string(),
            percent(tool.percentage, tool.usage_count),
            format!("{:.2}", tool.avg_per_execution),
            tool.agents_using.join(", "),
        ]
    };
    let rows: Vec<_> = usage.tools.iter().map(row).collect();
    let columns = [
        Column::Text("tool"),
        Column::Figure("calls"),
        Column::Figure("share"),
        Column::Figure("per execution"),
        Column::Text("used by"),
    ];
    let zone = &usage.zoned.time_zone;
    let mut text = format!("{}, {zone}\n", usage.period.replace('/', " to "));
    text += &table(columns, &rows, max_width);
    for [first, second] in &usage.insights.high_correlation {
        text += &format!("used together: {} and {}\n", clean(first), clean(second));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_a_tool_and_what_goes_together() {
        let usage = serde_json::from_value(json!({
            "period": "2026-11-14/2026-11-20",
            "tools": [
                {"name": "Read", "usage_count": 30, "percentage": 0.75, "avg_per_execution": 2.5,
                 "agents_using": ["analyzer", "tester"]},
                {"name": "Bash", "usage_count": 10, "percentage": 0.25, "avg_per_execution": 0.8333,
                 "agents_using": []},
            ],
            "today": "2026-11-20", "time_zone": "Europe/Berlin", "time_zone_since": null,
            "insights": {"most_used_tool": "Read", "least_used_tool": "Bash",
                         "high_correlation": [["Bash", "Re\u{1b}ad"]]},
        }));
        let expect = "\
2026-11-14 to 2026-11-20, Europe/Berlin
tool  calls  share  per execution  used by
Read     30  75.0%           2.50  analyzer, tester
Bash     10  25.0%           0.83
used together: Bash and Read
";
        assert_eq!(shown(&usage.unwrap(), None), expect);
    }
}
