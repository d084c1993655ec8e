//! What is read of tasks.

use clap::Args;
use hyper::Method;
use serde_json::Value;

use super::Printed;
use crate::cli::failure::Failure;
use crate::cli::output::{print, print_json};
use crate::cli::runtime::block_on;
use crate::cli::table::Column::{Figure, Text};
use crate::cli::table::{table, terminal_width};
use agentpulse_client::path::with_query;
use agentpulse_client::{Control, QUICK};

#[derive(Args)]
pub struct List {
    /// Those that stand there: pending, running, completed, failed, blocked or cancelled
    #[arg(long)]
    status: Option<String>,
    /// Those of a role or an agent
    #[arg(long, value_name = "WHO")]
    to: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Show {
    /// The number of the task
    id: i64,
}

#[derive(Args)]
pub struct Chain {
    /// The number of any task of it
    id: i64,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Logs {
    /// The number of the task
    id: i64,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Stats {
    #[command(flatten)]
    printed: Printed,
}

impl List {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let query = [
            ("status", self.status),
            ("assigned_to", self.to),
            ("limit", Some(self.limit.to_string())),
        ];
        let answer = get(control, &with_query("/api/tasks", &query))?;
        match self.json {
            true => print_json(answer),
            false => print_tasks(&answer["tasks"]),
        }
    }
}

impl Show {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let whole = get(control, &format!("/api/tasks/{}", self.id))?;
        print(&format!("{whole:#}\n"))
    }
}

impl Chain {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let answer = get(control, &format!("/api/tasks/{}/chain", self.id))?;
        match self.json {
            true => print_json(answer),
            false => print_tasks(&answer["tasks"]),
        }
    }
}

impl Logs {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let answer = get(control, &format!("/api/tasks/{}/logs?limit=200", self.id))?;
        if self.json {
            return print_json(answer);
        }
        let row = |line: &Value| ["created_at", "level", "message"].map(|field| text(&line[field]));
        let rows = rows(&answer["lines"], row);
        let columns = [Text("at"), Text("level"), Text("message")];
        print(&table(columns, &rows, terminal_width()))
    }
}

impl Stats {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let answer = get(control, "/api/tasks/stats")?;
        if self.printed.json {
            return print_json(answer);
        }
        let row = |one: &Value| {
            ["assigned_to", "status", "count", "oldest"].map(|field| text(&one[field]))
        };
        let rows = rows(&answer["tasks"], row);
        let columns = [Text("for"), Text("status"), Figure("tasks"), Text("oldest")];
        print(&table(columns, &rows, terminal_width()))
    }
}

fn get(control: &Control, path: &str) -> Result<Value, Failure> {
    Ok(block_on(control.ask(Method::GET, path, QUICK))??)
}

fn print_tasks(tasks: &Value) -> Result<(), Failure> {
    let row = |task: &Value| {
        let fields = [
            "id",
            "status",
            "assigned_to",
            "task_type",
            "priority",
            "worker",
        ];
        fields.map(|field| text(&task[field]))
    };
    let columns = [
        Figure("task"),
        Text("status"),
        Text("for"),
        Text("type"),
        Figure("priority"),
        Text("worker"),
    ];
    print(&table(columns, &rows(tasks, row), terminal_width()))
}

fn rows<const N: usize>(list: &Value, row: impl Fn(&Value) -> [String; N]) -> Vec<[String; N]> {
    list.as_array().into_iter().flatten().map(row).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
