//! What the heartbeats of an execution do to the task that it works on.

use agentpulse_tasks::link::Link;
use agentpulse_tasks::status::Status;
use agentpulse_tasks::task::Task;
use agentpulse_tasks::token::Token;
use agentpulse_tasks::work::Loss;

use super::end;
use crate::operation::{Applied, Operation};

/// Who works by a token; before what it asks for.
///
/// # Errors
/// The token is of another database.
pub fn work(of: &mut Operation, id: i64, token: &Token, link: Option<Link>) -> Applied<()> {
    let claim = of.claim_of(token)?;
    match link {
        Some(link) => self::link(of, id, claim, link),
        None => Ok(()),
    }
}

/// Nothing if the task is not held by this claim.
///
/// # Errors
/// None but those of the disk.
pub fn link(of: &mut Operation, id: i64, claim: i64, link: Link) -> Applied<()> {
    match held(of, id, claim)? {
        Some(_) => of.link(id, claim, link),
        None => Ok(()),
    }
}

/// As a heartbeat does.
///
/// # Errors
/// None but those of the disk.
pub fn renew(of: &mut Operation, id: i64, claim: i64) -> Applied<()> {
    if let Some(task) = held(of, id, claim)? {
        of.renewed(&task);
    }
    Ok(())
}

/// The execution that held it has ended without a word.
///
/// # Errors
/// None but those of the disk.
pub fn abandon(of: &mut Operation, id: i64, claim: i64, chance: f64) -> Applied<()> {
    match held(of, id, claim)? {
        Some(_) => end::lose(of, id, Loss::Abandoned, chance),
        None => Ok(()),
    }
}

fn held(of: &Operation, id: i64, claim: i64) -> Applied<Option<Task>> {
    let task = of.tables.task(id)?;
    Ok(task.filter(|task| task.status == Status::Running && task.claim == Some(claim)))
}
