//! What hooks reported, beside the changes that it made: the marks of each agent, and what happened
//! to sessions. It is the writer's memory, kept in the commit of the changes that follow from it.

use rusqlite::{Connection, OptionalExtension};

use super::entry::Entry;
use super::writer::Journal;
use crate::sqlite::{Result, from_json, to_json};
use agentpulse_core::turns::{SessionEvent, SessionMark, Turns};

/// Marks of one session that are read: what ends a turn is the first after its start.
const MAX_SESSION_MARKS: i64 = 256;
const ENDED: i64 = 0;
const LEFT: i64 = 1;
const PROMPTED: i64 = 2;
const WORKFLOW_STOPPED: i64 = 3;

impl Journal {
    pub fn turns(&self, agent_id: &str) -> Result<Option<Turns>> {
        self.db.read(|conn| {
            conn.prepare_cached("SELECT turns FROM turns WHERE agent_id = ?1")?
                .query_row([agent_id], |row| from_json(row, 0))
                .optional()
        })
    }

    /// What happened to a session from a moment on, in order.
    pub fn session_marks(&self, session_id: &str, from_ms: i64) -> Result<Vec<SessionMark>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT at_ms, kind, prompt FROM session_marks
                 WHERE session_id = ?1 AND at_ms >= ?2
                 ORDER BY at_ms LIMIT ?3",
            )?;
            let rows = select.query_map((session_id, from_ms, MAX_SESSION_MARKS), |row| {
                Ok(SessionMark {
                    at_ms: row.get(0)?,
                    what: match row.get(1)? {
                        PROMPTED => SessionEvent::Prompted(row.get(2)?),
                        LEFT => SessionEvent::Left,
                        WORKFLOW_STOPPED => SessionEvent::WorkflowStopped,
                        _ => SessionEvent::Ended,
                    },
                })
            })?;
            rows.collect()
        })
    }

    /// The last prompt of a session up to a moment, but for `own`, and when it was.
    pub fn prompt_before(
        &self,
        session_id: &str,
        at_ms: i64,
        own: Option<&str>,
    ) -> Result<Option<(i64, String)>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT at_ms, prompt FROM session_marks
                 WHERE session_id = ?1 AND at_ms <= ?2 AND kind = ?3 AND prompt IS NOT ?4
                 ORDER BY at_ms DESC, prompt DESC LIMIT 1",
            )?;
            let params = (session_id, at_ms, PROMPTED, own);
            let row = select.query_row(params, |row| Ok((row.get(0)?, row.get(1)?)));
            row.optional()
        })
    }

    /// Forgets what was last reported before a moment: such an event would be refused by now.
    pub fn forget(&mut self, before_ms: i64) -> Result<()> {
        self.db.write(|tx| {
            tx.execute("DELETE FROM turns WHERE at_ms < ?1", [before_ms])?;
            tx.execute("DELETE FROM session_marks WHERE at_ms < ?1", [before_ms])
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
    let mut put = conn.prepare_cached(
        "INSERT OR IGNORE INTO session_marks (session_id, at_ms, kind, prompt)
         VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (session_id, mark) in &entry.session_marks {
        let (kind, prompt) = match &mark.what {
            SessionEvent::Ended => (ENDED, ""),
            SessionEvent::Left => (LEFT, ""),
            SessionEvent::WorkflowStopped => (WORKFLOW_STOPPED, ""),
            SessionEvent::Prompted(prompt) => (PROMPTED, prompt.as_str()),
        };
        put.execute((session_id, mark.at_ms, kind, prompt))?;
    }
    Ok(())
}
