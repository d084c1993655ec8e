//! What people do to tasks, also to those that a worker holds.

use agentpulse_store::tasks::Kind;
use agentpulse_tasks::order::rank;
use agentpulse_tasks::refusal::Refusal;
use agentpulse_tasks::status::{BlockedReason, Status};
use agentpulse_tasks::task::Task;

use crate::operation::{Applied, Operation};

/// Of one that waits. What is None stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub priority: Option<u8>,
    pub assigned_to: Option<String>,
    pub not_before_ms: Option<i64>,
}

/// Also its open descendants, if that is asked for. Returns the task.
///
/// # Errors
/// There is none, or it has ended.
pub fn cancel(of: &mut Operation, id: i64, cascades: bool, who: Option<&str>) -> Applied<Task> {
    let task = cancel_one(of, id, who)?;
    if cascades {
        let mut below = of.tables.children(id)?;
        while let Some(id) = below.pop() {
            below.extend(of.tables.children(id)?);
            let is_open = !of.task(id)?.status.is_ended();
            if is_open {
                cancel_one(of, id, who)?;
            }
        }
    }
    Ok(task)
}

fn cancel_one(of: &mut Operation, id: i64, who: Option<&str>) -> Applied<Task> {
    let mut task = of.task(id)?;
    let before = task.status;
    let kind = match task.cancel(of.now_ms)? {
        true => Kind::Cancelled,
        false => Kind::CancelAsked,
    };
    of.changed(before, &task, kind, who)?;
    Ok(task)
}

/// # Errors
/// There is none, or it is not blocked.
pub fn unblock(of: &mut Operation, id: i64, who: Option<&str>) -> Applied<Task> {
    let mut task = of.task(id)?;
    task.unblock(of.now_ms)?;
    of.changed(Status::Blocked, &task, Kind::Requeued, who)?;
    Ok(task)
}

/// # Errors
/// There is none, or it has not failed.
pub fn retry(of: &mut Operation, id: i64, who: Option<&str>) -> Applied<Task> {
    let mut task = of.task(id)?;
    if let Some(key) = &task.unique_key
        && let Some(other) = of.tables.of_unique_key(key)?
    {
        let message = format!("unique_key: task {} has it by now", other.id);
        return Err(Refusal::Invalid(message).into());
    }
    task.retry(of.now_ms)?;
    let mut kind = Kind::Requeued;
    if let Some(reason) = waits_because(of, id)? {
        task.wait_for_needs(reason);
        kind = Kind::Blocked;
    }
    of.changed(Status::Failed, &task, kind, who)?;
    // Those that wait for it may hope again.
    for waiting in of.tables.needing(id)? {
        let mut waiting = of.task(waiting)?;
        if waiting.waits_for_needs()
            && let Some(reason) = waits_because(of, waiting.id)?
        {
            waiting.wait_for_needs(reason);
            of.tables.update(&waiting)?;
        }
    }
    Ok(task)
}

/// Returns None if all that it waits for is completed.
fn waits_because(of: &Operation, id: i64) -> Applied<Option<BlockedReason>> {
    let missing = of.tables.missing_needs(id)?;
    Ok(match missing.iter().any(|(_, status)| status.is_ended()) {
        true => Some(BlockedReason::DependencyFailed),
        false if missing.is_empty() => None,
        false => Some(BlockedReason::Dependency),
    })
}

/// # Errors
/// There is none, or it does not wait.
pub fn change(of: &mut Operation, id: i64, change: Change, who: Option<&str>) -> Applied<Task> {
    let mut task = of.task(id)?;
    if task.status != Status::Pending {
        let (status, needed) = (task.status.word(), "only one that waits can be changed");
        return Err(Refusal::WrongStatus { id, status, needed }.into());
    }
    task.priority = change.priority.unwrap_or(task.priority);
    task.assigned_to = change.assigned_to.unwrap_or(task.assigned_to);
    if let Some(not_before_ms) = change.not_before_ms {
        task.not_before_ms = not_before_ms;
        task.ready_ms = of.now_ms.max(not_before_ms);
    }
    task.rank = rank(task.created_ms, task.priority, of.settings.age_step_ms);
    of.changed(Status::Pending, &task, Kind::Changed, who)?;
    Ok(task)
}
