//! Which executions work on claims.

use rusqlite::{Result, Row, params};

use super::store::Tables;
use agentpulse_tasks::link::{Link, Span};

/// Of one answer; a chain has rarely more than some dozens.
const MAX_LINKED: i64 = 10_000;

/// A claim that an execution works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    pub task: i64,
    /// The first task of its chain.
    pub root: i64,
    /// How long it was held: until now, if it is held still.
    pub held: Span,
    pub link: Link,
}

impl Tables<'_> {
    /// Returns whether it was unknown.
    pub fn add_link(&self, claim: i64, link: &Link) -> Result<bool> {
        let sql =
            "INSERT OR IGNORE INTO claim_executions (claim, execution_id, session_id, is_main)
             VALUES (?1, ?2, ?3, ?4)";
        let values = params![claim, link.execution, link.session, link.is_main];
        Ok(self.conn.prepare_cached(sql)?.execute(values)? > 0)
    }

    pub fn links(&self, claim: i64) -> Result<Vec<Link>> {
        let mut select = self.conn.prepare_cached(
            "SELECT execution_id, session_id, is_main FROM claim_executions WHERE claim = ?1",
        )?;
        select.query_map([claim], |row| link_of(row, 0))?.collect()
    }

    /// Of the tasks that are held, each with its claim.
    pub fn links_held(&self) -> Result<Vec<(i64, i64, Link)>> {
        let mut select = self.conn.prepare_cached(
            "SELECT id, claim, execution_id, session_id, is_main
             FROM agent_tasks JOIN claim_executions USING (claim)
             WHERE status = 'running' ORDER BY id",
        )?;
        let linked = |row: &Row| Ok((row.get(0)?, row.get(1)?, link_of(row, 2)?));
        select.query_map([], linked)?.collect()
    }

    /// Of the executions that worked on a chain, with the claims of other chains that they worked
    /// on.
    pub fn links_of_chain(&self, root: i64, now_ms: i64) -> Result<Vec<Linked>> {
        let mut select = self.conn.prepare_cached(
            "SELECT claims.task, root_id, at, coalesce(ended_at, ?2), execution_id, session_id,
                 is_main
             FROM claim_executions JOIN claims USING (claim)
                 JOIN agent_tasks ON agent_tasks.id = claims.task
             WHERE execution_id IN (
                 SELECT execution_id FROM agent_tasks AS own
                     JOIN claims ON claims.task = own.id JOIN claim_executions USING (claim)
                 WHERE own.root_id = ?1)
             ORDER BY claims.claim, execution_id LIMIT ?3",
        )?;
        let linked = |row: &Row| {
            Ok(Linked {
                task: row.get(0)?,
                root: row.get(1)?,
                held: Span {
                    from_ms: row.get(2)?,
                    to_ms: row.get(3)?,
                },
                link: link_of(row, 4)?,
            })
        };
        select
            .query_map((root, now_ms, MAX_LINKED), linked)?
            .collect()
    }
}

fn link_of(row: &Row, first: usize) -> Result<Link> {
    Ok(Link {
        execution: row.get(first)?,
        session: row.get(first + 1)?,
        is_main: row.get(first + 2)?,
    })
}
