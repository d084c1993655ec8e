//! How many tasks there are, and what agents are doing: always derived, never set.

use std::collections::BTreeMap;

use rusqlite::{Params, Result, Row};

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

/// From when on something counts.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    pub now_ms: i64,
    pub failed_ms: i64,
    pub lost_ms: i64,
}

/// What is wrong, or was lately, by role or agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub waiting: Vec<(String, i64)>,
    pub failed: Vec<(String, i64)>,
    pub lost: Vec<(String, i64)>,
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

    /// Of roles and agents: since when their oldest task waits that may be taken; how many tasks
    /// have failed for good, and how many their worker lost, each since a moment.
    pub fn trouble(&self, since: &Since) -> Result<Trouble> {
        let waiting = "SELECT assigned_to, min(ready_at) FROM agent_tasks
             WHERE status = 'pending' AND ready_at <= ?1 GROUP BY assigned_to";
        let failed = "SELECT assigned_to, count(*) FROM agent_tasks INDEXED BY tasks_ended
             WHERE completed_at >= ?1 AND status = 'failed' GROUP BY assigned_to";
        let lost = "SELECT assigned_to, count(*) FROM claims INDEXED BY claims_ended
             JOIN agent_tasks ON agent_tasks.id = claims.task
             WHERE ended_at >= ?1 AND how IN ('lease_lost', 'timeout', 'abandoned')
             GROUP BY assigned_to";
        Ok(Trouble {
            waiting: self.by_name(waiting, [since.now_ms])?,
            failed: self.by_name(failed, [since.failed_ms])?,
            lost: self.by_name(lost, [since.lost_ms])?,
        })
    }

    /// By to whom they are.
    pub fn unread(&self) -> Result<Vec<(String, i64)>> {
        let unread = "SELECT to_agent, count(*) FROM agent_messages
             WHERE read_at IS NULL GROUP BY to_agent";
        self.by_name(unread, [])
    }

    fn by_name(&self, sql: &str, values: impl Params) -> Result<Vec<(String, i64)>> {
        let mut select = self.conn.prepare_cached(sql)?;
        let row = |row: &Row| Ok((row.get(0)?, row.get(1)?));
        select.query_map(values, row)?.collect()
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
