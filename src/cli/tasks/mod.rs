//! `agentpulse tasks`: tasks are made, taken and followed.

mod add;
mod exec;
mod list;
mod people;
mod work;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::failure::Failure;
use super::output::{print, print_json};
use super::runtime::block_on;
use super::target::Target;
use super::text::clean;
use agentpulse_client::Control;

#[derive(Subcommand)]
pub enum TasksCommand {
    /// List tasks, the newest first
    List(list::List),
    /// Make a task
    Add(add::Add),
    /// Show one task with its attempts and messages
    Show(list::Show),
    /// Show the chain that a task is part of
    Chain(list::Chain),
    /// Take the next task; exit code 1 if there is none
    Claim(work::Claim),
    /// Renew the lease of a task
    Beat(work::Beat),
    /// Complete a task
    Done(work::Done),
    /// Fail an attempt
    Fail(work::Fail),
    /// Ask a question; the task waits for its answer
    Block(work::Block),
    /// Give a task back
    Release(work::Release),
    /// Log a line of a task
    Log(work::Log),
    /// Show what was logged of a task
    Logs(list::Logs),
    /// Cancel a task
    Cancel(people::Cancel),
    /// Have a task that failed tried once more
    Retry(people::Retry),
    /// Let a blocked task go on
    Unblock(people::Unblock),
    /// Count tasks by role and status
    Stats(list::Stats),
}

impl TasksCommand {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let control = Control::of(&target.load(Vec::new())?);
        match self {
            TasksCommand::List(list) => list.run(&control),
            TasksCommand::Add(add) => add.run(&control),
            TasksCommand::Show(show) => show.run(&control),
            TasksCommand::Chain(chain) => chain.run(&control),
            TasksCommand::Claim(claim) => claim.run(&control),
            TasksCommand::Beat(beat) => beat.run(&control),
            TasksCommand::Done(done) => done.run(&control),
            TasksCommand::Fail(fail) => fail.run(&control),
            TasksCommand::Block(block) => block.run(&control),
            TasksCommand::Release(release) => release.run(&control),
            TasksCommand::Log(log) => log.run(&control),
            TasksCommand::Logs(logs) => logs.run(&control),
            TasksCommand::Cancel(cancel) => cancel.run(&control),
            TasksCommand::Retry(retry) => retry.run(&control),
            TasksCommand::Unblock(unblock) => unblock.run(&control),
            TasksCommand::Stats(stats) => stats.run(&control),
        }
    }
}

/// How the answer is printed.
#[derive(Args)]
struct Printed {
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

impl Printed {
    /// As JSON, or what it comes to in a line.
    fn print(&self, answer: &Value, line: impl FnOnce(&Value) -> String) -> Result<(), Failure> {
        match self.json {
            true => print_json(answer),
            false => print(&format!("{}\n", clean(&line(answer)))),
        }
    }
}

/// A task by its token.
#[derive(Args)]
struct Held {
    /// The number of the task
    id: i64,
    /// As the claim printed it
    #[arg(long)]
    token: String,
}

fn post(control: &Control, path: &str, body: &Value) -> Result<Value, Failure> {
    Ok(block_on(control.post(path, body))??)
}

/// `task 3 is completed`
fn standing(task: &Value) -> String {
    let status = task["status"].as_str().unwrap_or_default();
    format!("task {} is {status}", task["id"])
}

/// What is JSON is that, and what is not is a text.
fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
