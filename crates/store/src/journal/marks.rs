//! What hooks reported, beside the changes that it made: the marks of each agent, and when sessions
//! ended. It is the writer's memory, kept in the commit of the changes that follow from it.

use rusqlite::{Connection, OptionalExtension};

use super::entry::Entry;
use super::writer::Journal;
use crate::sqlite::{Result, from_json, to_json};
use agentpulse_core::turns::Turns;

/// Ends of one session that are remembered; it ends once for each time that it was resumed.
const MAX_ENDS: i64 = 256;

impl Journal {
    pub fn turns(&self, agent_id: &str) -> Result<Option<Turns>> {
        self.db.read(|conn| {
            conn.prepare_cached("SELECT turns FROM turns WHERE agent_id = ?1")?
                .query_row([agent_id], |row| from_json(row, 0))
                .optional()
        })
    }

    /// When a session ended, the newest ends, in order.
    pub fn session_ends(&self, session_id: &str) -> Result<Vec<i64>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT at_ms FROM session_ends WHERE session_id = ?1
                 ORDER BY at_ms DESC LIMIT ?2",
            )?;
            let rows = select.query_map((session_id, MAX_ENDS), |row| row.get(0))?;
            let mut ends: Vec<i64> = rows.collect::<rusqlite::Result<_>>()?;
            ends.reverse();
            Ok(ends)
        })
    }

    /// Forgets what was last reported before a moment: such an event would be refused by now.
    pub fn forget(&mut self, before_ms: i64) -> Result<()> {
        self.db.write(|tx| {
            tx.execute("DELETE FROM turns WHERE at_ms < ?1", [before_ms])?;
            tx.execute("DELETE FROM session_ends WHERE at_ms < ?1", [before_ms])
        })?;
        Ok(())
    }
}

pub(super) fn put(conn: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    let mut put = conn.prepare_cached(
        "INSERT OR REPLACE INTO turns (agent_id, at_ms, turns) VALUES (?1, ?2, ?3)",
    )?;
    for (agent_id, turns) in &entry.turns {
        put.execute((agent_id, entry.at_ms, to_json(turns)?))?;
    }
    let mut put = conn
        .prepare_cached("INSERT OR IGNORE INTO session_ends (session_id, at_ms) VALUES (?1, ?2)")?;
    for &(session_id, at_ms) in &entry.session_ends {
        put.execute((session_id, at_ms))?;
    }
    Ok(())
}
