//! What ended with the execution that launched it, for the network of agents.

use std::collections::HashMap;
use std::ops::Range;

use memchr::memmem::Finder;
use rusqlite::{Connection, Row};

use crate::sqlite::{Result, from_json};
use agentpulse_core::execution::{Execution, Status};

use super::read::{Reader, id_hash};

/// An execution that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Launched {
    pub agent_name: String,
    pub ended_ms: i64,
    pub status: Option<Status>,
    pub duration_ms: Option<u64>,
    pub session_id: Option<String>,
    pub total_tokens: i64,
    pub cost_micros: i64,
    /// The execution that launched it.
    pub parent_id: Option<String>,
}

impl Reader {
    /// Those that ended in this time, at most `max`, the newest end first.
    pub fn launched(&self, ended_ms: Range<i64>, max: usize) -> Result<Vec<Launched>> {
        let only = self.chosen.borrow();
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT agent_name, ended_ms, status, duration_ms, session_id, total_tokens,
                     cost_micros, execution
                 FROM executions INDEXED BY executions_ended
                 WHERE ended_ms >= ?1 AND ended_ms < ?2 ORDER BY ended_ms DESC",
            )?;
            let has_parent = Finder::new(r#""parent_agent_id":""#);
            let mut launched = Vec::new();
            let mut rows = select.query((ended_ms.start, ended_ms.end))?;
            while let Some(row) = rows.next()? {
                // To look for it takes less than to read the text.
                let is_launched = has_parent.find(row.get_ref(7)?.as_bytes()?).is_some();
                let execution: Option<Execution> = match is_launched || !only.is_all() {
                    true => Some(from_json(row, 7)?),
                    false => None,
                };
                if execution.as_ref().is_none_or(|one| only.takes(one)) {
                    launched.push(read(row, execution.as_ref())?);
                }
                if launched.len() == max {
                    break;
                }
            }
            Ok(launched)
        })
    }

    /// Of executions that run or ended, the names of their agents.
    pub fn agent_names<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<HashMap<&'a str, String>> {
        self.db.read(|conn| {
            let mut names = HashMap::new();
            for id in ids {
                if let Some(name) = agent_name(conn, id)? {
                    names.insert(id, name);
                }
            }
            Ok(names)
        })
    }
}

fn read(row: &Row, execution: Option<&Execution>) -> rusqlite::Result<Launched> {
    let parent = execution.and_then(|one| one.origin(|origin| &origin.parent_agent_id));
    Ok(Launched {
        agent_name: row.get(0)?,
        ended_ms: row.get(1)?,
        status: row.get_ref(2)?.as_str()?.parse().ok(),
        duration_ms: row.get::<_, Option<i64>>(3)?.map(|ms| ms as u64),
        session_id: row.get(4)?,
        total_tokens: row.get(5)?,
        cost_micros: row.get::<_, Option<i64>>(6)?.unwrap_or(0),
        parent_id: parent.map(str::to_owned),
    })
}

fn agent_name(conn: &Connection, id: &str) -> rusqlite::Result<Option<String>> {
    let mut select = conn.prepare_cached(
        "SELECT id, agent_name FROM executions INDEXED BY executions_hash WHERE id_hash = ?1",
    )?;
    let mut rows = select.query([id_hash(id)])?;
    while let Some(row) = rows.next()? {
        // Another id may have the same hash.
        if row.get_ref(0)?.as_str()? == id {
            return row.get(1).map(Some);
        }
    }
    Ok(None)
}
