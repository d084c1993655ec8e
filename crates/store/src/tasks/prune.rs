//! What is old goes.

use rusqlite::Result;

use super::store::Tables;

/// Rows of each kind that go at once: others wait for the commit.
const MAX_ROWS: i64 = 500;

/// What was before goes.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// Tasks whose whole chain has ended, with all that is of them, and messages.
    pub ended_ms: i64,
    pub logs_ms: i64,
    pub answers_ms: i64,
}

impl Tables<'_> {
    /// Returns how many rows went; fewer than there are, where there are many.
    pub fn prune(&self, before: &Before) -> Result<usize> {
        let mut count = self.prune_chains(before.ended_ms)?;
        let old = [
            ("agent_logs", "id", "created_at", before.logs_ms),
            ("agent_messages", "id", "created_at", before.ended_ms),
            ("idempotency", "key", "at", before.answers_ms),
        ];
        for (table, key, at, before_ms) in old {
            let sql = format!(
                "DELETE FROM {table} WHERE {key} IN
                     (SELECT {key} FROM {table} WHERE {at} < ?1 LIMIT ?2)"
            );
            count += self
                .conn
                .prepare_cached(&sql)?
                .execute((before_ms, MAX_ROWS))?;
        }
        // Of messages that are of no task.
        let sql = "DELETE FROM task_events WHERE seq IN
             (SELECT seq FROM task_events WHERE task IS NULL AND at < ?1 LIMIT ?2)";
        let mut delete = self.conn.prepare_cached(sql)?;
        count += delete.execute((before.ended_ms, MAX_ROWS))?;
        Ok(count)
    }

    /// A chain goes as a whole, once all of it has ended, and nothing waits for it.
    fn prune_chains(&self, before_ms: i64) -> Result<usize> {
        let mut select = self.conn.prepare_cached(
            "SELECT DISTINCT root_id FROM agent_tasks AS one
             WHERE completed_at < ?1 AND NOT EXISTS (
                 SELECT 1 FROM agent_tasks AS other WHERE other.root_id = one.root_id
                     AND (other.completed_at IS NULL OR other.completed_at >= ?1
                         OR EXISTS (SELECT 1 FROM task_needs
                             JOIN agent_tasks AS waiting ON waiting.id = task
                             WHERE needs = other.id AND waiting.completed_at IS NULL)))
             LIMIT ?2",
        )?;
        let roots = select.query_map((before_ms, MAX_ROWS), |row| row.get(0))?;
        let roots = roots.collect::<Result<Vec<i64>>>()?;
        let mut count = 0;
        for root in roots {
            let sql = "DELETE FROM claim_executions WHERE claim IN
                 (SELECT claims.claim FROM claims JOIN agent_tasks ON id = task WHERE root_id = ?1)";
            self.conn.prepare_cached(sql)?.execute([root])?;
            // Children before those that they refer to.
            for of_tasks in [
                "DELETE FROM agent_logs WHERE task_id IN",
                "DELETE FROM agent_messages WHERE task_id IN",
                "DELETE FROM claims WHERE task IN",
                "DELETE FROM task_events WHERE task IN",
                "DELETE FROM task_needs WHERE task IN",
            ] {
                let sql = format!("{of_tasks} (SELECT id FROM agent_tasks WHERE root_id = ?1)");
                self.conn.prepare_cached(&sql)?.execute([root])?;
            }
            let sql = "DELETE FROM agent_tasks WHERE root_id = ?1";
            count += self.conn.prepare_cached(sql)?.execute([root])?;
        }
        Ok(count)
    }
}
