//! Messages.

use agentpulse_store::tasks::{Kind, Message, MessageKind, Written};
use agentpulse_tasks::refusal::Refusal;
use agentpulse_tasks::status::Status;

use crate::operation::{Applied, Operation};

/// Its fields are within their bounds.
pub type NewMessage = Written;

/// The answer to a question of a task lets the task go on, in the same operation.
///
/// # Errors
/// A task or a message that it names is not there.
pub fn send(of: &mut Operation, new: NewMessage) -> Applied<Message> {
    let mut new = new;
    if let Some(id) = new.task {
        of.task(id)?;
    }
    let asked = match new.reply_to {
        Some(id) => Some(of.tables.message(id)?.ok_or(Refusal::UnknownMessage(id))?),
        None => None,
    };
    if let Some(asked) = &asked {
        new.task = new.task.or(asked.written.task);
    }
    let id = of.tables.add_message(&new, of.now_ms)?;
    if new.kind == MessageKind::Answer
        && let Some(asked) = asked
        && let Some(task) = asked.written.task
    {
        answered(of, task, asked.id)?;
    }
    let sent = of.tables.message(id)?;
    Ok(sent.ok_or(Refusal::UnknownMessage(id))?)
}

/// An answer to an earlier question of the task changes nothing.
fn answered(of: &mut Operation, id: i64, question: i64) -> Applied<()> {
    let mut task = of.task(id)?;
    if task.question == Some(question) {
        task.unblock(of.now_ms)?;
        of.changed(Status::Blocked, &task, Kind::Requeued, None)?;
    }
    Ok(())
}

/// # Errors
/// There is no such message.
pub fn read(of: &mut Operation, id: i64) -> Applied<Message> {
    of.tables.set_read(id, of.now_ms)?;
    let message = of.tables.message(id)?;
    Ok(message.ok_or(Refusal::UnknownMessage(id))?)
}
