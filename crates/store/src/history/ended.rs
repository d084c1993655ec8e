//! What ended lately, without the executions themselves.

use std::str::FromStr;

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Row};

use crate::sqlite::Result;
use agentpulse_core::execution::Status;

use super::read::Reader;

/// Failures that are read to find the agents that failed.
const FAILURES_READ: i64 = 1_000;

/// An execution that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub id: String,
    pub agent_name: String,
    pub ended_ms: i64,
    pub status: Status,
    pub duration_ms: Option<u64>,
    pub total_tokens: i64,
}

impl Ended {
    /// It had no heartbeat for too long; a stop that says `timeout` has a duration.
    pub fn is_reaped(&self) -> bool {
        self.status == Status::Timeout && self.duration_ms.is_none()
    }
}

const COLUMNS: &str = "id, agent_name, ended_ms, status, duration_ms, total_tokens";

impl Reader {
    /// The last that ended since then, at most `max`, the newest first.
    pub fn ended_since(&self, since_ms: i64, max: usize) -> Result<Vec<Ended>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM executions INDEXED BY executions_ended
             WHERE ended_ms >= ?1 ORDER BY ended_ms DESC LIMIT ?2"
        );
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(&sql)?;
            let rows = select.query_map((since_ms, max as i64), ended)?;
            rows.collect()
        })
    }

    /// Of agents that failed since then, at most `agents` of them, the last `each` ends.
    pub fn ended_of_failing(
        &self,
        since_ms: i64,
        agents: usize,
        each: usize,
    ) -> Result<Vec<Ended>> {
        self.db.snapshot(|_| {
            self.db.read(|conn| {
                let mut found = Vec::new();
                for agent_name in failing(conn, since_ms, agents)? {
                    found.extend(last_of(conn, &agent_name, since_ms, each)?);
                }
                Ok(found)
            })
        })
    }

    /// Of one agent, the last ends since then, the newest first.
    pub fn ended_of(&self, agent_name: &str, since_ms: i64, each: usize) -> Result<Vec<Ended>> {
        self.db
            .read(|conn| last_of(conn, agent_name, since_ms, each))
    }

    /// How many run.
    pub fn running_count(&self) -> Result<u64> {
        if !self.chosen.borrow().is_all() {
            let (only, mut count) = (self.chosen.borrow(), 0);
            self.each_running(|one| count += u64::from(only.takes(&one)))?;
            return Ok(count);
        }
        self.db.read(|conn| {
            conn.prepare_cached(
                "SELECT count(*) FROM executions INDEXED BY executions_running
                 WHERE ended_ms IS NULL AND status IS NULL",
            )?
            .query_row([], |row| Ok(row.get::<_, i64>(0)? as u64))
        })
    }
}

fn failing(conn: &Connection, since_ms: i64, agents: usize) -> rusqlite::Result<Vec<String>> {
    let mut select = conn.prepare_cached(
        "SELECT DISTINCT agent_name FROM (
             SELECT agent_name FROM executions INDEXED BY executions_failed
             WHERE ended_ms >= ?1 AND status IN ('failure', 'timeout')
             ORDER BY ended_ms DESC LIMIT ?2
         ) LIMIT ?3",
    )?;
    let rows = select.query_map((since_ms, FAILURES_READ, agents as i64), |row| row.get(0))?;
    rows.collect()
}

fn last_of(
    conn: &Connection,
    agent_name: &str,
    since_ms: i64,
    each: usize,
) -> rusqlite::Result<Vec<Ended>> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM executions INDEXED BY executions_of_agent
         WHERE agent_name = ?1 AND ended_ms >= ?2 ORDER BY ended_ms DESC LIMIT ?3"
    ))?;
    let rows = select.query_map((agent_name, since_ms, each as i64), ended)?;
    rows.collect()
}

fn ended(row: &Row) -> rusqlite::Result<Ended> {
    let status =
        Status::from_str(row.get_ref(3)?.as_str()?).map_err(|()| FromSqlError::InvalidType)?;
    let duration_ms: Option<i64> = row.get(4)?;
    Ok(Ended {
        id: row.get(0)?,
        agent_name: row.get(1)?,
        ended_ms: row.get(2)?,
        status,
        duration_ms: duration_ms.map(|ms| ms.max(0) as u64),
        total_tokens: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW_MS, World, start, stop_of};
    use super::*;
    use agentpulse_core::bucket::HOUR_MS;

    #[test]
    fn the_last_ends_are_found_without_those_that_run() {
        let mut world = World::new();
        for (id, agent, ago_ms, status) in [
            ("a", "x", 3 * HOUR_MS, Status::Failure),
            ("b", "x", 2_000, Status::Success),
            ("c", "y", 1_000, Status::Failure),
        ] {
            world.record(id, stop_of(agent, NOW_MS - ago_ms, 700, status));
        }
        world.record("d", start("x", NOW_MS));
        world.flush();
        let reader = world.reader();
        let ids = |found: Vec<Ended>| -> Vec<String> { found.into_iter().map(|e| e.id).collect() };
        let since_ms = NOW_MS - HOUR_MS;
        assert_eq!(ids(reader.ended_since(since_ms, 9).unwrap()), ["c", "b"]);
        assert_eq!(ids(reader.ended_since(since_ms, 1).unwrap()), ["c"]);
        let day = NOW_MS - 24 * HOUR_MS;
        let mut failing = ids(reader.ended_of_failing(day, 9, 9).unwrap());
        failing.sort_unstable();
        assert_eq!(failing, ["a", "b", "c"]);
        assert_eq!(ids(reader.ended_of_failing(since_ms, 9, 9).unwrap()), ["c"]);
        assert_eq!(reader.running_count().unwrap(), 1);
        let last = &reader.ended_since(since_ms, 1).unwrap()[0];
        assert_eq!(
            (last.status, last.duration_ms),
            (Status::Failure, Some(700))
        );
        assert_eq!(last.agent_name, "y");
    }
}
