//! What workers do.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::exec::work;
use super::{Held, Printed, json_or_text, post, standing};
use crate::cli::failure::{Failure, failed};
use crate::cli::runtime::block_on;
use agentpulse_client::Control;

/// Beyond what the daemon is asked to wait.
const MARGIN: Duration = Duration::from_secs(12);

#[derive(Args)]
pub struct Claim {
    /// The role that it takes tasks of
    #[arg(long, required_unless_present = "agent")]
    role: Option<String>,
    /// The agent that it takes tasks of
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Who takes it; one that holds a task is given it again
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,
    /// A type of tasks; may be given again
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Seconds to wait for a task
    #[arg(long, value_name = "SECONDS", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(0..=60))]
    wait: u64,
    /// Seconds for which it may be silent
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(10..=3600))]
    lease: Option<u64>,
    /// Run this command with the context on its standard input; its exit code completes the task,
    /// with its output as the result, or fails it
    #[arg(long, num_args = 1.., allow_hyphen_values = true, value_name = "COMMAND")]
    exec: Vec<String>,
    #[command(flatten)]
    printed: Printed,
}

impl Claim {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let worker = self.worker.unwrap_or_else(own_name);
        let body = json!({
            "role": self.role, "agent_name": self.agent, "worker": worker, "wait": self.wait,
            "task_types": self.types, "lease_s": self.lease,
        });
        let deadline = Duration::from_secs(self.wait) + MARGIN;
        let claimed = block_on(control.post_within("/api/tasks/claim", &body, deadline))??;
        if claimed.is_null() {
            return Err(failed("there is no task"));
        }
        if !self.exec.is_empty() {
            return work(control, &claimed, &self.exec, &self.printed);
        }
        self.printed.print(&claimed, |claimed| {
            let (task, lease) = (&claimed["task"], &claimed["lease"]);
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (of_type, token) = (text(&task["task_type"]), text(&lease["token"]));
            format!("task {} ({of_type}), token {token}", task["id"])
        })
    }
}

/// Two shells are two workers.
fn own_name() -> String {
    let parent = std::os::unix::process::parent_id();
    format!("cli-{parent}")
}

#[derive(Args)]
pub struct Beat {
    #[command(flatten)]
    held: Held,
    /// 0 to 1
    #[arg(long)]
    progress: Option<f64>,
    #[command(flatten)]
    printed: Printed,
}

impl Beat {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let body = json!({"token": self.held.token, "progress": self.progress});
        let beat = post(
            control,
            &format!("/api/tasks/{}/heartbeat", self.held.id),
            &body,
        )?;
        self.printed.print(&beat, |beat| {
            let until = beat["expires_at"].as_str().unwrap_or_default();
            let cancelled = match beat["cancel_requested"] == true {
                true => "; give it up: it is cancelled",
                false => "",
            };
            format!("held until {until}{cancelled}")
        })
    }
}

#[derive(Args)]
pub struct Done {
    #[command(flatten)]
    held: Held,
    /// JSON or text
    #[arg(long, value_name = "JSON")]
    result: Option<String>,
    /// Hand the result on to this role or agent
    #[arg(long, value_name = "WHO", requires = "then")]
    to: Option<String>,
    /// As a task of this type
    #[arg(long, value_name = "TYPE", requires = "to")]
    then: Option<String>,
    #[command(flatten)]
    printed: Printed,
}

impl Done {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let result = self.result.as_deref().map(json_or_text);
        let handoff = self.to.zip(self.then);
        let handoff = handoff.map(|(to, then)| json!({"assigned_to": to, "task_type": then}));
        let body = json!({"token": self.held.token, "result": result, "handoff": handoff});
        let done = post(
            control,
            &format!("/api/tasks/{}/complete", self.held.id),
            &body,
        )?;
        self.printed.print(&done, |done| {
            let standing = standing(&done["task"]);
            match done["child"]["id"].as_i64() {
                Some(child) => format!("{standing}; task {child} follows"),
                None => standing,
            }
        })
    }
}

#[derive(Args)]
pub struct Fail {
    #[command(flatten)]
    held: Held,
    /// What went wrong
    message: String,
    /// It is not tried again
    #[arg(long)]
    last: bool,
    #[command(flatten)]
    printed: Printed,
}

impl Fail {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let body = json!({
            "token": self.held.token, "error_message": self.message, "retryable": !self.last,
        });
        let task = post(control, &format!("/api/tasks/{}/fail", self.held.id), &body)?;
        self.printed.print(&task, standing)
    }
}

#[derive(Args)]
pub struct Block {
    #[command(flatten)]
    held: Held,
    /// Whom to ask: a role, an agent, or user
    #[arg(long, value_name = "WHO")]
    to: String,
    /// The question
    question: String,
    #[command(flatten)]
    printed: Printed,
}

impl Block {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let question = json!({"to": self.to, "content": self.question});
        let body = json!({"token": self.held.token, "question": question});
        let blocked = post(
            control,
            &format!("/api/tasks/{}/block", self.held.id),
            &body,
        )?;
        self.printed.print(&blocked, |blocked| {
            let standing = standing(&blocked["task"]);
            format!(
                "{standing}, until message {} is answered",
                blocked["question"]
            )
        })
    }
}

#[derive(Args)]
pub struct Release {
    #[command(flatten)]
    held: Held,
    #[command(flatten)]
    printed: Printed,
}

impl Release {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let body = json!({"token": self.held.token});
        let task = post(
            control,
            &format!("/api/tasks/{}/release", self.held.id),
            &body,
        )?;
        self.printed.print(&task, standing)
    }
}

#[derive(Args)]
pub struct Log {
    #[command(flatten)]
    held: Held,
    /// debug, info, warn or error
    #[arg(long, default_value = "info")]
    level: String,
    message: String,
    #[command(flatten)]
    printed: Printed,
}

impl Log {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let lines = json!([{"level": self.level, "message": self.message}]);
        let body = json!({"token": self.held.token, "lines": lines});
        let done = post(control, &format!("/api/tasks/{}/logs", self.held.id), &body)?;
        self.printed
            .print(&done, |done| format!("{} logged", done["logged"]))
    }
}
