//! A new task.

use std::io::{self, Read};

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Printed, json_or_text, post};
use crate::cli::failure::{Failure, io_failed};
use agentpulse_client::Control;

/// Of what comes over standard input.
const MAX_CONTEXT_BYTES: u64 = 1 << 20;

#[derive(Args)]
pub struct Add {
    /// What kind of task it is, such as fix_bug
    #[arg(value_name = "TYPE")]
    task_type: String,
    /// A role, an agent that is defined, or auto for the one that fits best
    #[arg(long, value_name = "WHO")]
    to: String,
    /// What it is about: JSON or text; - reads it from standard input
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    /// 10 is the most urgent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=10))]
    priority: Option<u8>,
    /// The task that it follows
    #[arg(long, value_name = "ID")]
    parent: Option<i64>,
    /// A task that has to be completed before; may be given again
    #[arg(long, value_name = "ID")]
    needs: Vec<i64>,
    /// While a task has this key that is not ended, that one is answered
    #[arg(long, value_name = "KEY")]
    unique: Option<String>,
    /// How often it is tried again
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10))]
    retries: Option<u32>,
    #[command(flatten)]
    printed: Printed,
}

impl Add {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let mut body = Map::new();
        body.insert("task_type".to_owned(), json!(self.task_type));
        body.insert("assigned_to".to_owned(), json!(self.to));
        let given = [
            ("context", self.context.map(context).transpose()?),
            ("priority", self.priority.map(Value::from)),
            ("parent_task_id", self.parent.map(Value::from)),
            ("blocked_by", Some(json!(self.needs))),
            ("unique_key", self.unique.map(Value::from)),
            ("max_retries", self.retries.map(Value::from)),
        ];
        body.extend(
            given
                .into_iter()
                .filter_map(|(field, value)| Some((field.to_owned(), value?))),
        );
        let made = post(control, "/api/tasks", &Value::Object(body))?;
        self.printed.print(&made, |made| {
            let task = &made["task"];
            let to = task["assigned_to"].as_str().unwrap_or_default();
            match made["created"] == true {
                true => format!("task {} is for {to}", task["id"]),
                false => format!("task {} has this key, and is for {to}", task["id"]),
            }
        })
    }
}

fn context(text: String) -> Result<Value, Failure> {
    if text != "-" {
        return Ok(json_or_text(&text));
    }
    let mut read = String::new();
    let input = io::stdin().lock();
    let read_all = input.take(MAX_CONTEXT_BYTES).read_to_string(&mut read);
    read_all.map_err(|error| io_failed("standard input", &error))?;
    Ok(json_or_text(&read))
}
