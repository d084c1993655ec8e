//! While a worker holds a task.

use std::time::Duration;

use agentpulse_store::tasks::{Kind, Line};
use agentpulse_tasks::limits::MAX_LOGS;
use agentpulse_tasks::refusal::Refusal;
use agentpulse_tasks::token::Token;

use crate::operation::{Applied, Operation};

/// A heartbeat's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Beat {
    /// So long the task is held without another one.
    pub left: Duration,
    pub is_cancel_asked: bool,
    /// To its agent, or to its role.
    pub unread: i64,
}

/// # Errors
/// The token is not that of the worker that holds it.
pub fn beat(
    of: &mut Operation,
    id: i64,
    token: &Token,
    progress: Option<f64>,
    extend_ms: Option<i64>,
) -> Applied<Beat> {
    let claim = of.claim_of(token)?;
    let mut task = of.task(id)?;
    let lease_ms = task.lease_of_attempt_ms();
    task.beat(claim, progress, extend_ms)?;
    if progress.is_some() {
        let who = task.worker.clone();
        of.changed(task.status, &task, Kind::Progress, who.as_deref())?;
    } else if task.lease_of_attempt_ms() != lease_ms {
        of.tables.update(&task)?;
    }
    let left = of.renewed(&task);
    let names = task.agent_name.iter().chain([&task.assigned_to]);
    let mut unread = 0;
    for name in names {
        unread += of.tables.count_unread(name)?;
    }
    Ok(Beat {
        left,
        is_cancel_asked: task.is_cancel_asked,
        unread,
    })
}

/// # Errors
/// The token is not that of the worker that holds it, or it has logged too much.
pub fn log(of: &mut Operation, id: i64, token: &Token, lines: &[Line]) -> Applied<()> {
    let claim = of.claim_of(token)?;
    let task = of.task(id)?;
    task.check_held(claim)?;
    let logged = usize::try_from(of.tables.count_logs(id)?).unwrap_or(usize::MAX);
    if logged + lines.len() > MAX_LOGS {
        let message = format!("a task has at most {MAX_LOGS} lines of log");
        return Err(Refusal::TooMany(message).into());
    }
    let agent_name = task.agent_name.as_deref().unwrap_or(&task.assigned_to);
    for line in lines {
        of.tables.add_log(id, agent_name, line, of.now_ms)?;
    }
    Ok(())
}
