//! What history lets go of: executions beyond `history.keep`, whose ids can then be forgotten
//! because their events are refused as too old, and the finer rollups. Those by day, agent and
//! model stay for ever.

use rusqlite::Connection;

use super::flush::History;
use crate::domain::bucket::Day;
use crate::sqlite::Result;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub executions: u64,
    pub rollups: u64,
}

impl History {
    /// Deletes what ended before `oldest`: at most `max_rows` executions, so that the transaction
    /// stays short, and all rollups.
    pub fn prune(&mut self, oldest: Day, max_rows: usize) -> Result<Pruned> {
        self.db.write(|tx| {
            let executions = delete(
                tx,
                "DELETE FROM executions WHERE rowid IN
                     (SELECT rowid FROM executions INDEXED BY executions_ended
                      WHERE ended_ms IS NOT NULL AND ended_ms < ?1 LIMIT ?2)",
                (oldest.start_ms(), max_rows as i64),
            )?;
            let mut rollups = delete(
                tx,
                "DELETE FROM hours WHERE hour < ?1",
                [oldest.first_hour().0],
            )?;
            for table in ["sessions", "tools", "pairs"] {
                let sql = format!("DELETE FROM {table} WHERE day < ?1");
                rollups += delete(tx, &sql, [oldest.0])?;
            }
            Ok(Pruned {
                executions,
                rollups,
            })
        })
    }
}

fn delete(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<u64> {
    Ok(conn.prepare_cached(sql)?.execute(params)? as u64)
}
