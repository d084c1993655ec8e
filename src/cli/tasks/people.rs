//! What people do to tasks.

use clap::Args;
use serde_json::json;

use super::{Printed, post, standing};
use crate::cli::failure::Failure;
use agentpulse_client::Control;

#[derive(Args)]
pub struct Cancel {
    /// The number of the task
    id: i64,
    /// Also the tasks that follow it
    #[arg(long)]
    cascade: bool,
    #[command(flatten)]
    printed: Printed,
}

#[derive(Args)]
pub struct Retry {
    /// The number of the task
    id: i64,
    #[command(flatten)]
    printed: Printed,
}

#[derive(Args)]
pub struct Unblock {
    /// The number of the task
    id: i64,
    #[command(flatten)]
    printed: Printed,
}

impl Cancel {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let body = json!({"cascade": self.cascade});
        let task = post(control, &format!("/api/tasks/{}/cancel", self.id), &body)?;
        self.printed
            .print(&task, |task| match task["cancel_requested"] == true {
                true => format!("the worker of task {} is asked to give it up", task["id"]),
                false => standing(task),
            })
    }
}

impl Retry {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let task = post(
            control,
            &format!("/api/tasks/{}/retry", self.id),
            &json!({}),
        )?;
        self.printed.print(&task, standing)
    }
}

impl Unblock {
    pub fn run(self, control: &Control) -> Result<(), Failure> {
        let task = post(
            control,
            &format!("/api/tasks/{}/unblock", self.id),
            &json!({}),
        )?;
        self.printed.print(&task, standing)
    }
}
