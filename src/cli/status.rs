//! `agentpulse status`: the status of the running daemon.

use clap::Args;
use serde_json::Value;

use super::failure::Failure;
use super::output::{print, print_json};
use super::runtime::block_on;
use super::table::aligned;
use super::target::Target;
use agentpulse_client::Control;

#[derive(Args)]
pub struct Status {
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

impl Status {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let status = block_on(Control::of(&config).status())??;
        if self.json {
            return print_json(&status);
        }
        print(&aligned(&rows(&status)))
    }
}

/// A row a value, named by its path (`live.lag_ms`): values that are added later are shown without
/// a change here.
pub fn rows(answer: &Value) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    flatten("", answer, &mut rows);
    rows
}

fn flatten(path: &str, value: &Value, rows: &mut Vec<[String; 2]>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{name}"), value, rows);
            }
        }
        Value::String(text) => rows.push([path.to_owned(), text.clone()]),
        Value::Null => rows.push([path.to_owned(), "-".to_owned()]),
        other => rows.push([path.to_owned(), other.to_string()]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_a_value_by_its_path() {
        let status = json!({
            "http": "127.0.0.1:4056",
            "live": {"lag_ms": 12, "broken": null},
            "alerts": ["a", "b"],
        });
        let expect = [
            ["alerts", "[\"a\",\"b\"]"],
            ["http", "127.0.0.1:4056"],
            ["live.broken", "-"],
            ["live.lag_ms", "12"],
        ];
        assert_eq!(rows(&status), expect);
    }
}
