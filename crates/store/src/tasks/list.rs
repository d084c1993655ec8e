//! Lists of tasks.

use rusqlite::{Result, ToSql, params_from_iter};

use super::row::{COLUMNS, task_of};
use super::store::Tables;
use agentpulse_tasks::status::Status;
use agentpulse_tasks::task::Task;

/// Those that have all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    pub status: Option<Status>,
    pub assigned_to: Option<String>,
    pub task_type: Option<String>,
    pub created_by: Option<String>,
    pub parent: Option<i64>,
    /// Made then or later.
    pub since_ms: Option<i64>,
}

/// Where a page begins: behind the task of this number.
pub type Place = i64;

impl Tables<'_> {
    /// The newest first.
    pub fn list(&self, filter: &Filter, behind: Option<Place>, most: usize) -> Result<Vec<Task>> {
        let status = filter.status.map(Status::word);
        let (most, mut terms) = (most as i64, Vec::new());
        let mut values: Vec<&dyn ToSql> = Vec::new();
        let mut add = |term, value| {
            terms.push(term);
            values.push(value);
        };
        if let Some(status) = &status {
            add("status = ?", status);
        }
        if let Some(assigned_to) = &filter.assigned_to {
            add("assigned_to = ?", assigned_to);
        }
        if let Some(task_type) = &filter.task_type {
            add("task_type = ?", task_type);
        }
        if let Some(created_by) = &filter.created_by {
            add("created_by = ?", created_by);
        }
        if let Some(parent) = &filter.parent {
            add("parent_task_id = ?", parent);
        }
        if let Some(since_ms) = &filter.since_ms {
            add("created_at >= ?", since_ms);
        }
        if let Some(behind) = &behind {
            add("id < ?", behind);
        }
        let which = match terms.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", terms.join(" AND ")),
        };
        values.push(&most);
        let sql = format!("SELECT {COLUMNS} FROM agent_tasks {which} ORDER BY id DESC LIMIT ?");
        let mut select = self.conn.prepare_cached(&sql)?;
        select
            .query_map(params_from_iter(values), task_of)?
            .collect()
    }
}
