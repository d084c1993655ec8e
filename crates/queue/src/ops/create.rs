//! New tasks.

use agentpulse_store::tasks::{Kind, New};
use agentpulse_tasks::limits::{MAX_CHILDREN, MAX_CREATED_A_MINUTE, MAX_DEPTH, MAX_OPEN};
use agentpulse_tasks::order::rank;
use agentpulse_tasks::refusal::Refusal;
use agentpulse_tasks::status::BlockedReason;
use agentpulse_tasks::task::Task;

use crate::operation::{Applied, Operation};

/// What is asked for; its fields are within their bounds.
#[derive(Clone, Debug, Default)]
pub struct NewTask {
    pub task_type: String,
    pub assigned_to: String,
    pub created_by: Option<String>,
    /// An agent made it, which may run away.
    pub is_by_agent: bool,
    pub priority: u8,
    /// JSON.
    pub context: Option<String>,
    pub parent: Option<i64>,
    pub needs: Vec<i64>,
    pub unique_key: Option<String>,
    pub not_before_ms: Option<i64>,
    pub max_retries: Option<u32>,
    pub lease_ms: Option<i64>,
    pub timeout_ms: Option<i64>,
    pub fails_with_needs: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Created {
    pub task: Task,
    /// Another one has its unique key already, and is that one.
    pub is_new: bool,
}

/// # Errors
/// A task that it names is not there, or there are too many.
pub fn create(of: &mut Operation, new: NewTask) -> Applied<Created> {
    if let Some(key) = &new.unique_key
        && let Some(task) = of.tables.of_unique_key(key)?
    {
        let is_new = false;
        return Ok(Created { task, is_new });
    }
    check_room(of, &new)?;
    // Before it has a number: it does not wait for itself.
    for id in &new.needs {
        of.task(*id)?;
    }
    let now_ms = of.now_ms;
    let inserted = of.tables.insert(&New {
        rank: rank(now_ms, new.priority, of.settings.age_step_ms),
        created_ms: now_ms,
        not_before_ms: new.not_before_ms.unwrap_or(0),
        max_retries: new.max_retries.unwrap_or(of.settings.max_retries),
        lease_ms: new.lease_ms.unwrap_or(of.settings.lease_ms),
        task_type: new.task_type,
        assigned_to: new.assigned_to,
        created_by: new.created_by,
        priority: new.priority,
        context: new.context,
        parent: new.parent,
        unique_key: new.unique_key,
        timeout_ms: new.timeout_ms,
        fails_with_needs: new.fails_with_needs,
    })?;
    let mut task = inserted;
    for id in &new.needs {
        of.tables.add_need(task.id, *id)?;
    }
    let missing = of.tables.missing_needs(task.id)?;
    if !missing.is_empty() {
        task.wait_for_needs(BlockedReason::Dependency);
        of.tables.update(&task)?;
    }
    let failed = missing.into_iter().find(|(_, status)| status.is_ended());
    let who = task.created_by.clone();
    of.tables
        .add_event(Kind::Created, &task, who.as_deref(), now_ms)?;
    of.effects.opened += 1;
    of.effects.tally.created += 1;
    match failed {
        Some((need, _)) => of.need_failed(&mut task, need)?,
        None if !task.waits_for_needs() => of.waits(&task),
        None => {}
    }
    let is_new = true;
    Ok(Created { task, is_new })
}

/// Against programs that run away.
fn check_room(of: &Operation, new: &NewTask) -> Applied<()> {
    let too_many = |message: String| Err(Refusal::TooMany(message).into());
    if of.open >= MAX_OPEN {
        return too_many(format!("{MAX_OPEN} tasks are open, which is the most"));
    }
    if let Some(parent) = new.parent {
        let parent = of.task(parent)?;
        if parent.depth >= MAX_DEPTH {
            return too_many(format!(
                "a chain has at most {MAX_DEPTH} tasks below its first"
            ));
        }
        if of.tables.children(parent.id)?.len() >= MAX_CHILDREN {
            return too_many(format!("a task has at most {MAX_CHILDREN} children"));
        }
    }
    if let Some(by) = new.created_by.as_ref().filter(|_| new.is_by_agent) {
        let minute_ms = of.now_ms - 60_000..=of.now_ms;
        let created = of
            .tables
            .count_created(by, minute_ms, MAX_CREATED_A_MINUTE)?;
        if created >= MAX_CREATED_A_MINUTE {
            return too_many(format!(
                "{by} has made {MAX_CREATED_A_MINUTE} tasks within a minute, which is the most"
            ));
        }
    }
    Ok(())
}
