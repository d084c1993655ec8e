//! How many tasks there are, and what agents are doing: always derived, never set.

use std::collections::BTreeMap;

use rusqlite::{Result, Row};

use super::row::known;
use super::store::Tables;
use agentpulse_tasks::status::Status;

/// The tasks of a role or an agent with one status.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    pub assigned_to: String,
    pub status: Status,
    pub count: i64,
    /// The oldest of them was made then.
    pub oldest_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Idle,
    /// It holds a task.
    Working,
    /// All that it has waits for something.
    Blocked,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AgentState {
    pub state: State,
    pub last_active_ms: Option<i64>,
    pub current_task: Option<i64>,
    pub completed: i64,
    pub failed: i64,
    pub avg_task_ms: Option<f64>,
}

impl Tables<'_> {
    pub fn counted(&self) -> Result<Vec<Counted>> {
        let mut select = self.conn.prepare_cached(
            "SELECT assigned_to, status, count(*), min(created_at) FROM agent_tasks
             GROUP BY assigned_to, status ORDER BY assigned_to, status",
        )?;
        let counted = |row: &Row| {
            Ok(Counted {
                assigned_to: row.get(0)?,
                status: known(row, 1, Status::of)?,
                count: row.get(2)?,
                oldest_ms: row.get(3)?,
            })
        };
        select.query_map([], counted)?.collect()
    }

    /// Of all to whom something was assigned, by name.
    pub fn states(&self) -> Result<BTreeMap<String, AgentState>> {
        let mut select = self.conn.prepare_cached(
            "SELECT assigned_to, sum(status = 'running'), sum(status = 'blocked'),
                 sum(status = 'pending'), max(coalesce(completed_at, started_at, created_at)),
                 max(CASE WHEN status = 'running' THEN id END), sum(status = 'completed'),
                 sum(status = 'failed'),
                 avg(CASE WHEN status = 'completed' THEN completed_at - started_at END)
             FROM agent_tasks GROUP BY assigned_to",
        )?;
        let state = |row: &Row| {
            let counts: (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let state = match counts {
                (1.., _, _) => State::Working,
                (_, 1.., 0) => State::Blocked,
                _ => State::Idle,
            };
            let of = AgentState {
                state,
                last_active_ms: row.get(4)?,
                current_task: row.get(5)?,
                completed: row.get(6)?,
                failed: row.get(7)?,
                avg_task_ms: row.get(8)?,
            };
            Ok((row.get(0)?, of))
        };
        select.query_map([], state)?.collect()
    }
}
