//! Single executions, read.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::types::ToSql;
use rusqlite::{Row, params_from_iter};

use super::flush::id_hash;
use super::reader::{Reader, select};
use crate::domain::bucket::Day;
use crate::domain::execution::{Execution, Status};
use crate::domain::view::Failed;
use crate::sqlite::{Result, from_json};

/// Ids that one statement looks up: sorted, they find their neighbours' pages in memory.
const LOOKED_UP: usize = 250;

/// What a list of executions is narrowed to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub agent_name: Option<String>,
    pub agent_type: Option<String>,
    pub status: Option<Status>,
    pub session_id: Option<String>,
    pub model: Option<String>,
    /// Ends from here, …
    pub from_ms: Option<i64>,
    /// … and before here.
    pub to_ms: Option<i64>,
}

impl Reader {
    /// Those of the ids that are known. Most of what the writer asks for is new: a miss costs one
    /// look into the index of hashes.
    pub fn find(&self, ids: &[&str]) -> Result<HashMap<String, Arc<Execution>>> {
        let mut hashed: Vec<(i64, &str)> = ids.iter().map(|id| (id_hash(id), *id)).collect();
        hashed.sort_unstable();
        let mut found = HashMap::new();
        for some in hashed.chunks(LOOKED_UP) {
            // One statement for every length of list would be prepared again and again.
            let padded = (0..LOOKED_UP).map(|i| some[i.min(some.len() - 1)].0);
            let sql = format!(
                "SELECT execution, id FROM executions WHERE id_hash IN (?1{})",
                ", ?".repeat(LOOKED_UP - 1)
            );
            let rows = if some.len() > LOOKED_UP / 8 {
                self.rows(&sql, params_from_iter(padded), named)?
            } else {
                self.find_few(some)?
            };
            let wanted = |id: &str| some.binary_search(&(id_hash(id), id)).is_ok();
            found.extend(rows.into_iter().filter(|(id, _)| wanted(id)));
        }
        Ok(found)
    }

    fn find_few(&self, hashed: &[(i64, &str)]) -> Result<Vec<(String, Arc<Execution>)>> {
        let sql = "SELECT execution, id FROM executions WHERE id_hash = ?1 AND id = ?2";
        let mut found = Vec::new();
        for one in hashed {
            found.extend(self.rows(sql, *one, named)?);
        }
        Ok(found)
    }

    pub fn execution(&self, id: &str) -> Result<Option<Arc<Execution>>> {
        Ok(self
            .find_few(&[(id_hash(id), id)])?
            .pop()
            .map(|(_, execution)| execution))
    }

    pub fn running(&self) -> Result<Vec<Arc<Execution>>> {
        let sql = "SELECT execution FROM executions WHERE ended_ms IS NULL";
        self.rows(sql, (), execution)
    }

    /// Ended ones, the newest end first, each with its row; `before` is the end and the row of the
    /// last one of the page before.
    pub fn executions(
        &self,
        filter: &Filter,
        before: Option<(i64, i64)>,
        limit: usize,
    ) -> Result<Vec<(i64, Arc<Execution>)>> {
        let mut sql =
            "SELECT execution, rowid FROM executions WHERE ended_ms IS NOT NULL".to_owned();
        let status = filter.status.map(Status::as_str);
        let (ended_ms, rowid) = before.unzip();
        let limit = limit as i64;
        let mut values: Vec<&dyn ToSql> = Vec::new();
        let clauses: [(&str, Option<&dyn ToSql>); 7] = [
            (
                "agent_name = ?",
                filter.agent_name.as_ref().map(|v| v as &dyn ToSql),
            ),
            (
                "agent_type = ?",
                filter.agent_type.as_ref().map(|v| v as &dyn ToSql),
            ),
            ("status = ?", status.as_ref().map(|v| v as &dyn ToSql)),
            (
                "session_id = ?",
                filter.session_id.as_ref().map(|v| v as &dyn ToSql),
            ),
            ("model = ?", filter.model.as_ref().map(|v| v as &dyn ToSql)),
            (
                "ended_ms >= ?",
                filter.from_ms.as_ref().map(|v| v as &dyn ToSql),
            ),
            (
                "ended_ms < ?",
                filter.to_ms.as_ref().map(|v| v as &dyn ToSql),
            ),
        ];
        for (clause, value) in clauses {
            if let Some(value) = value {
                sql.push_str(" AND ");
                sql.push_str(clause);
                values.push(value);
            }
        }
        if let (Some(ended_ms), Some(rowid)) = (&ended_ms, &rowid) {
            sql.push_str(" AND (ended_ms, rowid) < (?, ?)");
            values.extend([ended_ms as &dyn ToSql, rowid]);
        }
        sql.push_str(" ORDER BY ended_ms DESC, rowid DESC LIMIT ?");
        values.push(&limit);
        self.rows(&sql, &*values, |row| Ok((row.get(1)?, execution(row)?)))
    }

    /// The longest of an agent, by the day of their end; the longest first.
    pub fn slowest(
        &self,
        agent: &str,
        from: Day,
        to: Day,
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>> {
        // Day by day, so that the work does not grow with the executions of the range.
        let sql = "SELECT duration_ms, rowid FROM executions INDEXED BY executions_by_duration
                   WHERE agent_name = ?1 AND day = ?2 AND duration_ms IS NOT NULL
                   ORDER BY duration_ms DESC LIMIT ?3";
        let mut longest: Vec<(i64, i64)> = Vec::new();
        for day in from.to(to) {
            longest.extend(self.rows(sql, (agent, day.0, limit as i64), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?);
        }
        longest.sort_unstable_by(|a, b| b.cmp(a));
        longest.truncate(limit);
        let rowids: Vec<i64> = longest.into_iter().map(|(_, rowid)| rowid).collect();
        self.at(&rowids)
    }

    /// Those that did not succeed, the newest end first.
    pub fn failed(&self, agent: &str, limit: usize) -> Result<Vec<Failed>> {
        let sql = "SELECT execution FROM executions INDEXED BY executions_failed_of_agent
                   WHERE agent_name = ?1 AND status IN ('failure', 'timeout')
                   ORDER BY ended_ms DESC, rowid DESC LIMIT ?2";
        let executions = self.rows(sql, (agent, limit as i64), execution)?;
        Ok(executions
            .iter()
            .filter_map(|execution| Failed::of(execution))
            .collect())
    }

    /// All that ended, in the order of their ends, each with the change that it was last in.
    pub fn each_ended(
        &self,
        each: &mut dyn FnMut(u64, &Execution) -> ControlFlow<()>,
    ) -> Result<()> {
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT execution, seq FROM executions WHERE ended_ms IS NOT NULL
                 ORDER BY ended_ms, rowid",
            )?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                let execution: Execution = from_json(row, 0)?;
                if each(row.get::<_, i64>(1)? as u64, &execution).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    /// By their rows, in the order that is asked for.
    pub(super) fn at(&self, rowids: &[i64]) -> Result<Vec<Arc<Execution>>> {
        self.db.read(|conn| {
            let mut found = Vec::with_capacity(rowids.len());
            for rowid in rowids {
                let sql = "SELECT execution FROM executions WHERE rowid = ?1";
                found.extend(select(conn, sql, [rowid], execution)?);
            }
            Ok(found)
        })
    }
}

fn execution(row: &Row) -> rusqlite::Result<Arc<Execution>> {
    Ok(Arc::new(from_json(row, 0)?))
}

fn named(row: &Row) -> rusqlite::Result<(String, Arc<Execution>)> {
    Ok((row.get(1)?, execution(row)?))
}
