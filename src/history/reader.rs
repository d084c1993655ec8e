//! The rollups, read.

use std::path::Path;

use rusqlite::{Connection, Params, Row};

use super::flush::cursor;
use super::rollups::{duration, sketch};
use super::schema::SCHEMA;
use crate::domain::bucket::{Day, Hour};
use crate::domain::cursor::Cursor;
use crate::domain::names::NameKind;
use crate::domain::tally::{FIELDS, Tally};
use crate::domain::view::{AgentDay, DayTally, HourTally, ToolDay, ToolPair, TypeTool};
use crate::sqlite::{Db, Result};

/// One connection that reads. It blocks: see [`Readers`](super::Readers).
pub struct Reader {
    pub(super) db: Db,
}

impl Reader {
    /// Opens a file that [`History`](super::History) made.
    pub fn open(path: &Path) -> Result<Reader> {
        Ok(Reader {
            db: Db::open_reader(path, SCHEMA)?,
        })
    }

    /// Everything that `f` reads is of one moment.
    pub fn snapshot<T>(&self, f: impl FnOnce(&Reader) -> Result<T>) -> Result<T> {
        self.db.snapshot(|_| f(self))
    }

    pub fn cursor(&self) -> Result<Option<Cursor>> {
        self.db.read(cursor)
    }

    pub fn hours(&self, from: Hour, to: Hour) -> Result<Vec<HourTally>> {
        let sql = format!(
            "SELECT {}, hour, agent_type FROM hours WHERE hour BETWEEN ?1 AND ?2",
            columns()
        );
        self.rows(&sql, (from.0, to.0), |row| {
            let (tally, n) = tally(row)?;
            Ok(HourTally {
                hour: Hour(row.get(n)?),
                agent_type: row.get(n + 1)?,
                tally,
            })
        })
    }

    pub fn days(&self, from: Day, to: Day) -> Result<Vec<DayTally>> {
        let sql = format!(
            "SELECT {}, day FROM days WHERE day BETWEEN ?1 AND ?2",
            columns()
        );
        self.rows(&sql, (from.0, to.0), |row| {
            let (tally, n) = tally(row)?;
            Ok(DayTally {
                day: Day(row.get(n)?),
                tally,
            })
        })
    }

    /// Of one agent, or of all.
    pub fn agent_days(&self, agent: Option<&str>, from: Day, to: Day) -> Result<Vec<AgentDay>> {
        let of_agent = if agent.is_some() {
            "agent_name = ?3"
        } else {
            "?3 IS NULL"
        };
        let sql = format!(
            "SELECT {}, day, agent_name, sketch, min_duration_ms, max_duration_ms FROM agents
             WHERE day BETWEEN ?1 AND ?2 AND {of_agent} ORDER BY day",
            columns()
        );
        self.rows(&sql, (from.0, to.0, agent), |row| {
            let (tally, n) = tally(row)?;
            Ok(AgentDay {
                day: Day(row.get(n)?),
                agent_name: row.get(n + 1)?,
                tally,
                sketch: sketch(row, n + 2)?,
                min_duration_ms: duration(row, n + 3)?,
                max_duration_ms: duration(row, n + 4)?,
            })
        })
    }

    /// By agent, over all days of the range.
    pub fn agents(&self, from: Day, to: Day) -> Result<Vec<(String, Tally)>> {
        let sql = format!(
            "SELECT {}, agent_name FROM agents WHERE day BETWEEN ?1 AND ?2 GROUP BY agent_name",
            sums()
        );
        self.rows(&sql, (from.0, to.0), named)
    }

    /// By model, over all days of the range; executions without one under the empty name.
    pub fn models(&self, from: Day, to: Day) -> Result<Vec<(String, Tally)>> {
        let sql = format!(
            "SELECT {}, model FROM models WHERE day BETWEEN ?1 AND ?2 GROUP BY model",
            sums()
        );
        self.rows(&sql, (from.0, to.0), named)
    }

    /// By session, over all days of the range; executions without one under the empty name.
    pub fn sessions(&self, from: Day, to: Day) -> Result<Vec<(String, Tally)>> {
        let sql = format!(
            "SELECT {}, session_id FROM sessions WHERE day BETWEEN ?1 AND ?2 GROUP BY session_id",
            sums()
        );
        self.rows(&sql, (from.0, to.0), named)
    }

    pub fn tools(&self, from: Day, to: Day) -> Result<Vec<ToolDay>> {
        let sql = "SELECT day, tool, sum(calls), sum(executions) FROM tools
                   WHERE day BETWEEN ?1 AND ?2 GROUP BY day, tool";
        self.rows(sql, (from.0, to.0), |row| {
            Ok(ToolDay {
                day: Day(row.get(0)?),
                tool: row.get(1)?,
                calls: row.get(2)?,
                executions: row.get(3)?,
            })
        })
    }

    pub fn type_tools(&self, from: Day, to: Day) -> Result<Vec<TypeTool>> {
        let sql = "SELECT day, agent_type, tool, calls FROM tools WHERE day BETWEEN ?1 AND ?2";
        self.rows(sql, (from.0, to.0), |row| {
            Ok(TypeTool {
                day: Day(row.get(0)?),
                agent_type: row.get(1)?,
                tool: row.get(2)?,
                calls: row.get(3)?,
            })
        })
    }

    pub fn pairs(&self, from: Day, to: Day) -> Result<Vec<ToolPair>> {
        let sql = "SELECT day, first, second, executions FROM pairs WHERE day BETWEEN ?1 AND ?2";
        self.rows(sql, (from.0, to.0), |row| {
            Ok(ToolPair {
                day: Day(row.get(0)?),
                first: row.get(1)?,
                second: row.get(2)?,
                executions: row.get(3)?,
            })
        })
    }

    /// All names that ever counted, sorted.
    pub fn names(&self, kind: NameKind) -> Result<Vec<String>> {
        let sql = match kind {
            NameKind::Agent => "SELECT DISTINCT agent_name FROM agents ORDER BY 1",
            NameKind::Type => "SELECT DISTINCT agent_type FROM hours ORDER BY 1",
            NameKind::Tool => "SELECT DISTINCT tool FROM tools ORDER BY 1",
        };
        self.rows(sql, (), |row| row.get(0))
    }

    /// Whether anything is known of an agent: it ended once, or runs.
    pub fn has_agent(&self, agent: &str) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM agents WHERE agent_name = ?1)
                   OR EXISTS (SELECT 1 FROM executions
                              WHERE ended_ms IS NULL AND agent_name = ?1)";
        let found = self.rows(sql, [agent], |row| row.get::<_, bool>(0))?;
        Ok(found.contains(&true))
    }

    pub(super) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        each: impl FnMut(&Row) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.db.read(|conn| select(conn, sql, params, each))
    }
}

pub(super) fn select<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    each: impl FnMut(&Row) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    conn.prepare_cached(sql)?.query_map(params, each)?.collect()
}

fn columns() -> String {
    FIELDS.join(", ")
}

fn sums() -> String {
    FIELDS.map(|field| format!("sum({field})")).join(", ")
}

/// The tally that a row begins with, and the column behind it.
fn tally(row: &Row) -> rusqlite::Result<(Tally, usize)> {
    let mut values = [0; FIELDS.len()];
    for (column, value) in values.iter_mut().enumerate() {
        *value = row.get(column)?;
    }
    Ok((Tally::from_array(values), FIELDS.len()))
}

fn named(row: &Row) -> rusqlite::Result<(String, Tally)> {
    let (tally, n) = tally(row)?;
    Ok((row.get(n)?, tally))
}
