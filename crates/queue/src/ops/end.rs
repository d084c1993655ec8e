//! How a worker lets go of a task, or loses it.

use agentpulse_store::tasks::{Kind, MessageKind, Written};
use agentpulse_tasks::refusal::Refusal;
use agentpulse_tasks::status::Status;
use agentpulse_tasks::task::Task;
use agentpulse_tasks::token::Token;
use agentpulse_tasks::work::{Failure, Loss};

use super::create::{NewTask, create};
use crate::operation::{Applied, Operation};

/// What the result is handed on as.
#[derive(Clone, Debug)]
pub struct Handoff {
    pub assigned_to: String,
    pub task_type: String,
    /// JSON; None: the result.
    pub context: Option<String>,
    /// None: that of the task.
    pub priority: Option<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Completed {
    pub task: Task,
    /// To whom it was handed on.
    pub child: Option<Task>,
}

/// The end, the child and the message of a handoff are one operation. The same token again is
/// answered again.
///
/// # Errors
/// Another worker holds it by now, or it has ended otherwise.
pub fn complete(
    of: &mut Operation,
    id: i64,
    token: &Token,
    result: Option<String>,
    handoff: Option<Handoff>,
) -> Applied<Completed> {
    let claim = of.claim_of(token)?;
    let mut task = of.task(id)?;
    if task.status == Status::Completed && task.claim == Some(claim) && task.result == result {
        let child = match &handoff {
            Some(handoff) => Some(handed_on(of, &task, handoff)?),
            None => None,
        };
        return Ok(Completed { task, child });
    }
    let before = task.status;
    task.complete(claim, result, of.now_ms)?;
    let who = task.worker.clone();
    of.changed(before, &task, Kind::Completed, who.as_deref())?;
    if before == Status::Pending {
        // Its lease had ended, and nobody came.
        of.tables.end_claim(claim, "completed", of.now_ms)?;
    }
    // The work is done, and nothing is to follow.
    let handoff = handoff.filter(|_| !task.is_cancel_asked);
    let child = handoff.map(|handoff| hand_on(of, &task, handoff));
    let child = child.transpose()?;
    Ok(Completed { task, child })
}

/// The child that this handoff has made before.
fn handed_on(of: &Operation, task: &Task, handoff: &Handoff) -> Applied<Task> {
    for id in of.tables.children(task.id)? {
        let child = of.task(id)?;
        if child.task_type == handoff.task_type && child.assigned_to == handoff.assigned_to {
            return Ok(child);
        }
    }
    let (id, status) = (task.id, task.status.word());
    Err(Refusal::AlreadyEnded { id, status }.into())
}

fn hand_on(of: &mut Operation, task: &Task, handoff: Handoff) -> Applied<Task> {
    let from = task.agent_name.clone();
    let from = from.unwrap_or_else(|| task.assigned_to.clone());
    let new = NewTask {
        task_type: handoff.task_type,
        assigned_to: handoff.assigned_to.clone(),
        created_by: Some(from.clone()),
        is_by_agent: true,
        priority: handoff.priority.unwrap_or(task.priority),
        context: handoff.context.or_else(|| task.result.clone()),
        parent: Some(task.id),
        ..NewTask::default()
    };
    let child = create(of, new)?.task;
    let written = Written {
        task: Some(child.id),
        from,
        to: handoff.assigned_to,
        kind: MessageKind::Handoff,
        content: format!("task {} was completed; task {} follows", task.id, child.id),
        metadata: None,
        reply_to: None,
    };
    of.tables.add_message(&written, of.now_ms)?;
    Ok(child)
}

/// # Errors
/// The token is not that of the worker that holds it.
pub fn fail(
    of: &mut Operation,
    id: i64,
    token: &Token,
    failure: Failure,
    chance: f64,
) -> Applied<Task> {
    let claim = of.claim_of(token)?;
    let mut task = of.task(id)?;
    task.fail(claim, failure, of.now_ms, chance)?;
    failed(of, task)
}

/// A worker lost it: read again here, as it may have been completed meanwhile.
///
/// # Errors
/// None but those of the disk.
pub fn lose(of: &mut Operation, id: i64, loss: Loss, chance: f64) -> Applied<()> {
    let Some(mut task) = of.tables.task(id)? else {
        return Ok(());
    };
    if task.lose(loss, of.now_ms, chance).is_ok() {
        of.effects.tally.lost += 1;
        failed(of, task)?;
    }
    Ok(())
}

fn failed(of: &mut Operation, task: Task) -> Applied<Task> {
    let kind = match task.status {
        Status::Cancelled => Kind::Cancelled,
        _ => Kind::Failed,
    };
    let who = task.worker.clone();
    of.changed(Status::Running, &task, kind, who.as_deref())?;
    Ok(task)
}

/// It waits for the answer to its question. One that is to be given up ends, and nothing is asked.
///
/// # Errors
/// The token is not that of the worker that holds it.
pub fn block(
    of: &mut Operation,
    id: i64,
    token: &Token,
    to: String,
    content: String,
) -> Applied<(Task, Option<i64>)> {
    let claim = of.claim_of(token)?;
    let mut task = of.task(id)?;
    let who = task.worker.clone();
    if !task.ask(claim, of.now_ms)? {
        of.changed(Status::Running, &task, Kind::Cancelled, who.as_deref())?;
        return Ok((task, None));
    }
    let from = task.agent_name.clone();
    let written = Written {
        task: Some(id),
        from: from.unwrap_or_else(|| task.assigned_to.clone()),
        to,
        kind: MessageKind::Question,
        content,
        metadata: None,
        reply_to: None,
    };
    task.question = Some(of.tables.add_message(&written, of.now_ms)?);
    of.changed(Status::Running, &task, Kind::Blocked, who.as_deref())?;
    let question = task.question;
    Ok((task, question))
}

/// # Errors
/// The token is not that of the worker that holds it.
pub fn release(of: &mut Operation, id: i64, token: &Token, chance: f64) -> Applied<Task> {
    let claim = of.claim_of(token)?;
    let mut task = of.task(id)?;
    let has_failed = task.release(claim, of.now_ms, chance)?;
    let kind = match task.status {
        Status::Cancelled => Kind::Cancelled,
        _ if has_failed => Kind::Failed,
        _ => Kind::Requeued,
    };
    let who = task.worker.clone();
    of.changed(Status::Running, &task, kind, who.as_deref())?;
    Ok(task)
}
