//! `agentpulse audit`: who did what, by the running daemon or without one.

use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use super::failure::{Failure, failed};
use super::output::{print, print_json};
use super::runtime::block_on;
use super::table::aligned;
use super::target::Target;
use agentpulse_client::{AskError, Control, QUICK};
use agentpulse_config::parse_duration;
use agentpulse_core::bucket::Day;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_server::daemon;

#[derive(Args)]
pub struct Audit {
    /// The first day, UTC, such as 2026-11-20, or a time span back from now, such as 24h
    #[arg(long, value_name = "DATE|DURATION", value_parser = parse_since)]
    since: Option<i64>,
    /// How many rows, the newest
    #[arg(long, value_name = "ROWS", default_value_t = 200,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Print the answer as JSON, the newest first
    #[arg(long)]
    json: bool,
}

/// The moment, as a Unix number in milliseconds.
fn parse_since(text: &str) -> Result<i64, &'static str> {
    let ago_ms = parse_duration(text).and_then(|ago| i64::try_from(ago.as_millis()).ok());
    let by_duration = ago_ms.map(|ago_ms| now_ms().saturating_sub(ago_ms).max(MILLISECONDS_FROM));
    by_duration
        .or_else(|| Some(Day::parse(text)?.utc_start_ms()))
        .ok_or("must be a date such as 2026-11-20 or a duration such as 24h")
}

/// Smaller numbers would be taken for seconds; this one is in 1973.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

impl Audit {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let mut path = format!("/api/audit?limit={}", self.limit);
        if let Some(since_ms) = self.since {
            path += &format!("&since={since_ms}");
        }
        let answer = match block_on(Control::of(&config).ask(Method::GET, &path, QUICK))? {
            Ok(answer) => answer,
            Err(AskError::NotRunning(_)) => {
                let access = daemon::access_to_read(&config)?;
                let since_ms = self.since.unwrap_or(i64::MIN);
                let rows = access.audit(since_ms, self.limit.into());
                json!({"audit": rows.map_err(failed)?})
            }
            Err(error) => return Err(error.into()),
        };
        if self.json {
            return print_json(&answer);
        }
        print(&aligned(&table(&answer)))
    }
}

/// The newest row last, where a terminal ends.
fn table(answer: &Value) -> Vec<[String; 7]> {
    let columns = [
        "at", "action", "who", "origin", "outcome", "count", "detail",
    ];
    let mut rows = vec![columns.map(str::to_owned)];
    let cell = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    for row in answer["audit"].as_array().into_iter().flatten().rev() {
        rows.push(columns.map(|column| cell(&row[column])));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_downwards() {
        let row = |seq: u32| {
            json!({"seq": seq, "at": format!("t{seq}"), "action": "prune", "who": "uid 0",
                "origin": "control socket", "outcome": "done", "detail": null, "count": 1})
        };
        let table = table(&json!({"audit": [row(2), row(1)]}));
        let first: Vec<&str> = table.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(first, ["at", "t1", "t2"]);
        assert_eq!(table[1][5..], ["1".to_owned(), String::new()]);
    }

    #[test]
    fn since_is_a_day_or_a_time_ago() {
        assert_eq!(parse_since("2026-11-20"), Ok(1_795_132_800_000));
        let ago = parse_since("24h").unwrap();
        assert!((now_ms() - 86_400_000 - ago).abs() < 60_000);
        assert!(parse_since("yesterday").is_err());
    }
}
