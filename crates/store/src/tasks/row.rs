//! A task as a row.

use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};

use agentpulse_tasks::status::{BlockedReason, Status};
use agentpulse_tasks::task::Task;

pub(super) const COLUMNS: &str = "id, task_type, assigned_to, created_by, status, priority,
    context_json, result_json, parent_task_id, root_id, depth, rank, created_at, started_at,
    completed_at, not_before, retry_count, max_retries, released, error_message, error_type,
    blocked_reason, fails_with_needs, unique_key, cancel_asked, worker, agent_name, claim, lease_ms,
    timeout_ms, progress, ready_at, held_ms, question";

pub(super) fn task_of(row: &Row) -> Result<Task> {
    Ok(Task {
        id: row.get(0)?,
        task_type: row.get(1)?,
        assigned_to: row.get(2)?,
        created_by: row.get(3)?,
        status: known(row, 4, Status::of)?,
        priority: row.get(5)?,
        context: row.get(6)?,
        result: row.get(7)?,
        parent: row.get(8)?,
        root: row.get(9)?,
        depth: row.get(10)?,
        rank: row.get(11)?,
        created_ms: row.get(12)?,
        started_ms: row.get(13)?,
        completed_ms: row.get(14)?,
        not_before_ms: row.get(15)?,
        retry_count: row.get(16)?,
        max_retries: row.get(17)?,
        released: row.get(18)?,
        error_message: row.get(19)?,
        error_type: row.get(20)?,
        blocked_reason: match row.get_ref(21)?.as_str_or_null()? {
            None => None,
            Some(_) => Some(known(row, 21, BlockedReason::of)?),
        },
        fails_with_needs: row.get(22)?,
        unique_key: row.get(23)?,
        is_cancel_asked: row.get(24)?,
        worker: row.get(25)?,
        agent_name: row.get(26)?,
        claim: row.get(27)?,
        lease_ms: row.get(28)?,
        timeout_ms: row.get(29)?,
        progress: row.get(30)?,
        ready_ms: row.get(31)?,
        held_ms: row.get(32)?,
        question: row.get(33)?,
    })
}

/// A word that no version writes means that the file is damaged.
pub(super) fn known<T>(row: &Row, column: usize, of: fn(&str) -> Option<T>) -> Result<T> {
    let word = row.get_ref(column)?.as_str()?;
    of(word).ok_or_else(|| {
        let unknown = format!("\"{word}\" is unknown");
        Error::FromSqlConversionFailure(column, Type::Text, unknown.into())
    })
}
