//! `agentpulse messages`: what agents say to each other.

use std::time::Duration;

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::failure::Failure;
use super::output::{print, print_json};
use super::runtime::block_on;
use super::table::Column::{Figure, Text};
use super::table::{table, terminal_width};
use super::target::Target;
use agentpulse_client::Control;
use agentpulse_client::path::with_query;

/// Beyond what the daemon is asked to wait.
const MARGIN: Duration = Duration::from_secs(12);

#[derive(Subcommand)]
pub enum MessagesCommand {
    /// List messages, the oldest first; reading marks nothing as read
    List(List),
    /// Send a message
    Send(Send),
    /// Mark a message as read, and print it
    Read(Read),
}

#[derive(Args)]
pub struct List {
    /// To whom they are sent
    #[arg(long, value_name = "WHO")]
    to: Option<String>,
    /// Of one task
    #[arg(long, value_name = "ID")]
    task: Option<i64>,
    /// Those alone that are not marked as read
    #[arg(long)]
    unread: bool,
    /// Seconds to wait for one, if there is none
    #[arg(long, value_name = "SECONDS", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(0..=60))]
    wait: u64,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Send {
    /// A role, an agent, or user
    #[arg(long, value_name = "WHO")]
    to: String,
    #[arg(long, value_name = "WHO", default_value = "user")]
    from: String,
    /// question, answer, handoff or notification
    #[arg(long = "type", value_name = "TYPE", default_value = "notification")]
    of_type: String,
    /// The message that it answers
    #[arg(long, value_name = "ID")]
    reply_to: Option<i64>,
    /// The task that it is about
    #[arg(long, value_name = "ID")]
    task: Option<i64>,
    content: String,
}

#[derive(Args)]
pub struct Read {
    /// The number of the message
    id: i64,
}

impl MessagesCommand {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let control = Control::of(&target.load(Vec::new())?);
        match self {
            MessagesCommand::List(list) => list.run(&control),
            MessagesCommand::Send(send) => send.run(&control),
            MessagesCommand::Read(read) => read.run(&control),
        }
    }
}

impl List {
    fn run(self, control: &Control) -> Result<(), Failure> {
        let query = [
            ("to", self.to),
            ("task", self.task.map(|task| task.to_string())),
            ("unread", Some(self.unread.to_string())),
            ("wait", Some(self.wait.to_string())),
        ];
        let path = with_query("/api/messages", &query);
        let deadline = Duration::from_secs(self.wait) + MARGIN;
        let answer = block_on(control.ask(Method::GET, &path, deadline))??;
        if self.json {
            return print_json(answer);
        }
        let row = |one: &Value| {
            let fields = [
                "id",
                "message_type",
                "from_agent",
                "to_agent",
                "task_id",
                "content",
            ];
            fields.map(|field| match &one[field] {
                Value::Null => "-".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        };
        let rows: Vec<[String; 6]> = answer["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .map(row)
            .collect();
        let columns = [
            Figure("message"),
            Text("type"),
            Text("from"),
            Text("to"),
            Figure("task"),
            Text("content"),
        ];
        print(&table(columns, &rows, terminal_width()))
    }
}

impl Send {
    fn run(self, control: &Control) -> Result<(), Failure> {
        let body = json!({
            "from_agent": self.from, "to_agent": self.to, "message_type": self.of_type,
            "content": self.content, "reply_to": self.reply_to, "task_id": self.task,
        });
        let sent = block_on(control.post("/api/messages", &body))??;
        print(&format!("message {}\n", sent["message"]["id"]))
    }
}

impl Read {
    fn run(self, control: &Control) -> Result<(), Failure> {
        let path = format!("/api/messages/{}/read", self.id);
        let message = block_on(control.post(&path, &json!({})))??;
        print(&format!(
            "{}\n",
            message["content"].as_str().unwrap_or_default()
        ))
    }
}
