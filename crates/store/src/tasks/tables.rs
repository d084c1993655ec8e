//! Tasks, what they wait for, and their attempts.

use std::ops::RangeInclusive;

use rusqlite::{OptionalExtension, Result, Row, params, params_from_iter};

use super::row::{COLUMNS, known, task_of};
use super::store::Tables;
use agentpulse_tasks::limits::MAX_DEPTH;
use agentpulse_tasks::status::Status;
use agentpulse_tasks::task::Task;

/// A task that is not there yet.
#[derive(Clone, Debug, PartialEq)]
pub struct New {
    pub task_type: String,
    pub assigned_to: String,
    pub created_by: Option<String>,
    pub priority: u8,
    pub context: Option<String>,
    pub parent: Option<i64>,
    pub unique_key: Option<String>,
    pub not_before_ms: i64,
    pub max_retries: u32,
    pub lease_ms: i64,
    pub timeout_ms: Option<i64>,
    pub fails_with_needs: bool,
    pub rank: i64,
    pub created_ms: i64,
}

/// One claim of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub claim: i64,
    pub worker: String,
    pub agent_name: Option<String>,
    pub at_ms: i64,
    pub ended_ms: Option<i64>,
    /// A status, or why the worker lost it.
    pub how: Option<String>,
}

impl Tables<'_> {
    pub fn task(&self, id: i64) -> Result<Option<Task>> {
        let sql = format!("SELECT {COLUMNS} FROM agent_tasks WHERE id = ?1");
        let mut select = self.conn.prepare_cached(&sql)?;
        select.query_row([id], task_of).optional()
    }

    /// The one that is not ended.
    pub fn of_unique_key(&self, key: &str) -> Result<Option<Task>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM agent_tasks
             WHERE unique_key = ?1 AND status IN ('pending', 'running', 'blocked')"
        );
        let mut select = self.conn.prepare_cached(&sql)?;
        select.query_row([key], task_of).optional()
    }

    /// A child is one deeper than its parent, and of the same chain.
    pub fn insert(&self, new: &New) -> Result<Task> {
        let parent = match new.parent {
            Some(id) => self.task(id)?,
            None => None,
        };
        let depth = parent.as_ref().map_or(0, |parent| parent.depth + 1);
        self.conn
            .prepare_cached(
                "INSERT INTO agent_tasks (task_type, assigned_to, created_by, priority,
                     context_json, parent_task_id, unique_key, not_before, max_retries, lease_ms,
                     timeout_ms, fails_with_needs, rank, created_at, root_id, depth, ready_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                     ?17)",
            )?
            .execute(params![
                new.task_type,
                new.assigned_to,
                new.created_by,
                new.priority,
                new.context,
                new.parent,
                new.unique_key,
                new.not_before_ms,
                new.max_retries,
                new.lease_ms,
                new.timeout_ms,
                new.fails_with_needs,
                new.rank,
                new.created_ms,
                parent.as_ref().map_or(0, |parent| parent.root),
                depth.min(MAX_DEPTH),
                new.created_ms.max(new.not_before_ms),
            ])?;
        let id = self.conn.last_insert_rowid();
        if parent.is_none() {
            let own_root = "UPDATE agent_tasks SET root_id = id WHERE id = ?1";
            self.conn.prepare_cached(own_root)?.execute([id])?;
        }
        let inserted = self.task(id)?;
        inserted.ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    /// What operations change.
    pub fn update(&self, task: &Task) -> Result<()> {
        self.conn
            .prepare_cached(
                "UPDATE agent_tasks SET status = ?2, priority = ?3, result_json = ?4, rank = ?5,
                     started_at = ?6, completed_at = ?7, not_before = ?8, retry_count = ?9,
                     max_retries = ?10, released = ?11, error_message = ?12, error_type = ?13,
                     blocked_reason = ?14, cancel_asked = ?15, worker = ?16, agent_name = ?17,
                     claim = ?18, held_ms = ?19, progress = ?20, assigned_to = ?21,
                     ready_at = ?22, question = ?23
                 WHERE id = ?1",
            )?
            .execute(params![
                task.id,
                task.status.word(),
                task.priority,
                task.result,
                task.rank,
                task.started_ms,
                task.completed_ms,
                task.not_before_ms,
                task.retry_count,
                task.max_retries,
                task.released,
                task.error_message,
                task.error_type,
                task.blocked_reason.map(|reason| reason.word()),
                task.is_cancel_asked,
                task.worker,
                task.agent_name,
                task.claim,
                task.held_ms,
                task.progress,
                task.assigned_to,
                task.ready_ms,
                task.question,
            ])?;
        Ok(())
    }

    /// The next one for somebody who takes what is assigned to one of these, of these types, or of
    /// all types if none is named.
    pub fn next(&self, to: &[String], types: &[String], now_ms: i64) -> Result<Option<Task>> {
        let mut best: Option<Task> = None;
        for to in to {
            let places = vec!["?"; types.len()].join(", ");
            let of_types = match types.is_empty() {
                true => String::new(),
                false => format!("AND task_type IN ({places})"),
            };
            let sql = format!(
                "SELECT {COLUMNS} FROM agent_tasks INDEXED BY idx_agent_tasks_assigned_to
                 WHERE assigned_to = ? AND status = 'pending' AND not_before <= ? {of_types}
                 ORDER BY rank, id LIMIT 1"
            );
            let now_ms = now_ms.to_string();
            let values = [to, &now_ms].into_iter().chain(types);
            let mut select = self.conn.prepare_cached(&sql)?;
            let found = select.query_row(params_from_iter(values), task_of);
            let found = found.optional()?;
            let is_before = |one: &Task, best: &Task| (one.rank, one.id) < (best.rank, best.id);
            best = match (best, found) {
                (Some(best), Some(found)) if is_before(&found, &best) => Some(found),
                (None, found) => found,
                (best, _) => best,
            };
        }
        Ok(best)
    }

    /// Those that a worker holds.
    pub fn held_by(&self, worker: &str) -> Result<Vec<Task>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM agent_tasks WHERE worker = ?1 AND status = 'running' ORDER BY id"
        );
        let mut select = self.conn.prepare_cached(&sql)?;
        select.query_map([worker], task_of)?.collect()
    }

    pub fn running(&self) -> Result<Vec<Task>> {
        let sql = format!("SELECT {COLUMNS} FROM agent_tasks WHERE status = 'running' ORDER BY id");
        let mut select = self.conn.prepare_cached(&sql)?;
        select.query_map([], task_of)?.collect()
    }

    /// What somebody made in this time, at most so many: also if the clock was ahead before.
    pub fn count_created(
        &self,
        by: &str,
        time_ms: RangeInclusive<i64>,
        most: usize,
    ) -> Result<usize> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM agent_tasks
             WHERE created_by = ?1 AND created_at BETWEEN ?2 AND ?3 LIMIT ?4)";
        let mut count = self.conn.prepare_cached(sql)?;
        let count: i64 = count
            .query_row((by, time_ms.start(), time_ms.end(), most as i64), |row| {
                row.get(0)
            })?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    pub fn children(&self, id: i64) -> Result<Vec<i64>> {
        let mut select = self
            .conn
            .prepare_cached("SELECT id FROM agent_tasks WHERE parent_task_id = ?1 ORDER BY id")?;
        select.query_map([id], |row| row.get(0))?.collect()
    }

    /// A chain, by its root, in the order in which its tasks were made.
    pub fn chain(&self, root: i64) -> Result<Vec<Task>> {
        let sql = format!("SELECT {COLUMNS} FROM agent_tasks WHERE root_id = ?1 ORDER BY id");
        let mut select = self.conn.prepare_cached(&sql)?;
        select.query_map([root], task_of)?.collect()
    }

    /// Tasks that are not ended.
    pub fn count_open(&self) -> Result<usize> {
        let open = [Status::Pending, Status::Running, Status::Blocked];
        let mut count = self
            .conn
            .prepare_cached("SELECT count(*) FROM agent_tasks WHERE status = ?1")?;
        let mut sum = 0;
        for status in open {
            let of_status: i64 = count.query_row([status.word()], |row| row.get(0))?;
            sum += usize::try_from(of_status).unwrap_or(usize::MAX);
        }
        Ok(sum)
    }

    /// When the next one that waits for its time may be taken.
    pub fn next_due_ms(&self, after_ms: i64) -> Result<Option<i64>> {
        let mut select = self.conn.prepare_cached(
            "SELECT min(not_before) FROM agent_tasks
             WHERE status = 'pending' AND not_before > ?1",
        )?;
        select.query_row([after_ms], |row| row.get(0))
    }

    /// Of those whose time came after the first moment, up to the second: to whom they are
    /// assigned, and their types.
    pub fn became_due(&self, after_ms: i64, until_ms: i64) -> Result<Vec<(String, String)>> {
        let mut select = self.conn.prepare_cached(
            "SELECT assigned_to, task_type FROM agent_tasks
             WHERE status = 'pending' AND not_before > ?1 AND not_before <= ?2",
        )?;
        let rows = select.query_map((after_ms, until_ms), |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }

    pub fn add_need(&self, task: i64, needs: i64) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO task_needs VALUES (?1, ?2)";
        self.conn.prepare_cached(sql)?.execute((task, needs))?;
        Ok(())
    }

    pub fn needs(&self, task: i64) -> Result<Vec<i64>> {
        let sql = "SELECT needs FROM task_needs WHERE task = ?1";
        let mut select = self.conn.prepare_cached(sql)?;
        select.query_map([task], |row| row.get(0))?.collect()
    }

    /// Those that wait for this one.
    pub fn needing(&self, id: i64) -> Result<Vec<i64>> {
        let sql = "SELECT task FROM task_needs WHERE needs = ?1";
        let mut select = self.conn.prepare_cached(sql)?;
        select.query_map([id], |row| row.get(0))?.collect()
    }

    /// Those that a task waits for and that are not completed.
    pub fn missing_needs(&self, task: i64) -> Result<Vec<(i64, Status)>> {
        let mut select = self.conn.prepare_cached(
            "SELECT id, status FROM task_needs JOIN agent_tasks ON id = needs
             WHERE task = ?1 AND status <> 'completed'",
        )?;
        let missing = |row: &Row| Ok((row.get(0)?, known(row, 1, Status::of)?));
        select.query_map([task], missing)?.collect()
    }

    /// Returns its number.
    pub fn add_claim(
        &self,
        task: i64,
        worker: &str,
        agent_name: Option<&str>,
        now_ms: i64,
    ) -> Result<i64> {
        let sql = "INSERT INTO claims (task, worker, agent_name, at) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = self.conn.prepare_cached(sql)?;
        insert.execute(params![task, worker, agent_name, now_ms])?;
        Ok(self.conn.last_insert_rowid())
    }

    pub fn end_claim(&self, claim: i64, how: &str, now_ms: i64) -> Result<()> {
        let sql = "UPDATE claims SET how = ?2, ended_at = ?3 WHERE claim = ?1";
        let mut update = self.conn.prepare_cached(sql)?;
        update.execute(params![claim, how, now_ms])?;
        Ok(())
    }

    pub fn attempts(&self, task: i64) -> Result<Vec<Attempt>> {
        let mut select = self.conn.prepare_cached(
            "SELECT claim, worker, agent_name, at, ended_at, how FROM claims
             WHERE task = ?1 ORDER BY claim",
        )?;
        let attempt = |row: &Row| {
            Ok(Attempt {
                claim: row.get(0)?,
                worker: row.get(1)?,
                agent_name: row.get(2)?,
                at_ms: row.get(3)?,
                ended_ms: row.get(4)?,
                how: row.get(5)?,
            })
        };
        select.query_map([task], attempt)?.collect()
    }
}
