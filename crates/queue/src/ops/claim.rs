//! A worker takes a task.

use std::time::Duration;

use agentpulse_store::tasks::Kind;
use agentpulse_tasks::link::Link;
use agentpulse_tasks::task::Task;
use agentpulse_tasks::token::Token;
use agentpulse_tasks::work;

use crate::leases::Begin;
use crate::operation::{Applied, LeaseChange, Operation};

/// Who asks, and for what.
#[derive(Clone, Debug)]
pub struct Claim {
    /// To whom the tasks are assigned that it takes.
    pub to: Vec<String>,
    pub worker: String,
    pub agent_name: Option<String>,
    /// All, if none is named.
    pub task_types: Vec<String>,
    pub lease_ms: Option<i64>,
    /// How many it may hold at once.
    pub max: usize,
    /// The execution that asks, if it is known.
    pub link: Option<Link>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    pub task: Task,
    pub token: Token,
    /// So long it is held without a word.
    pub left: Duration,
    /// False: its worker held it already.
    pub is_new: bool,
}

/// Returns None if there is no task for it now. A worker that holds as many as it may is given one
/// of those again: its answer may have been lost.
///
/// # Errors
/// None but those of the disk.
pub fn claim(of: &mut Operation, claim: Claim) -> Applied<Option<Claimed>> {
    let held = held(of, &claim)?;
    if held.len() >= claim.max
        && let Some(task) = held.into_iter().next()
        && let Some(number) = task.claim
    {
        let (token, left) = (of.token(number), of.renewed(&task));
        return Ok(Some(Claimed {
            task,
            token,
            left,
            is_new: false,
        }));
    }
    let Some(mut task) = of.tables.next(&claim.to, &claim.task_types, of.now_ms)? else {
        return Ok(None);
    };
    let before = task.status;
    let agent_name = claim.agent_name.as_deref();
    let number = of
        .tables
        .add_claim(task.id, &claim.worker, agent_name, of.now_ms)?;
    let taken = work::Claim {
        number,
        worker: claim.worker.clone(),
        agent_name: claim.agent_name,
        lease_ms: claim.lease_ms,
    };
    task.claim(taken, of.now_ms)?;
    of.changed(before, &task, Kind::Claimed, Some(&claim.worker))?;
    let begin = Begin::of(&task);
    of.effects.leases.push(LeaseChange::Begin(begin));
    if let Some(link) = claim.link {
        of.link(task.id, number, link)?;
    }
    let (token, left) = (of.token(number), of.leases.left(&task, of.now));
    Ok(Some(Claimed {
        task,
        token,
        left,
        is_new: true,
    }))
}

/// What the worker holds. Agents that work side by side in one session have one name, and do not
/// hold each other's.
fn held(of: &Operation, claim: &Claim) -> Applied<Vec<Task>> {
    let mut held = of.tables.held_by(&claim.worker)?;
    let Some(link) = &claim.link else {
        return Ok(held);
    };
    let mut of_others = Vec::new();
    for task in &held {
        let links = of.tables.links(task.claim.unwrap_or_default())?;
        let is_own = |known: &Link| known.is_of_agent_of(link);
        if !links.is_empty() && !links.iter().any(is_own) {
            of_others.push(task.id);
        }
    }
    held.retain(|task| !of_others.contains(&task.id));
    Ok(held)
}
