//! The rollups by hour and by day. Ranges include both ends; buckets without executions are not
//! there.

use std::collections::BTreeMap;

use rusqlite::{Connection, Params, Row};

use crate::domain::bucket::{Day, Hour};
use crate::domain::names::NameKind;
use crate::domain::sum::{MAX_SUM, add};
use crate::domain::tally::{FIELDS, Tally};
use crate::domain::view::{AgentDay, DayTally, HourTally, ToolDay, ToolPair, TypeTool};
use crate::sqlite::Result;

use super::read::Reader;
use super::rollups::{duration, sketch};

impl Reader {
    /// By hour and agent type.
    pub fn hours(&self, from: Hour, to: Hour) -> Result<Vec<HourTally>> {
        let sql = format!(
            "SELECT hour, agent_type, {} FROM hours WHERE hour BETWEEN ?1 AND ?2
             ORDER BY hour, agent_type",
            FIELDS.join(", ")
        );
        self.list(&sql, (from.0, to.0), |row| {
            Ok(HourTally {
                hour: Hour(row.get(0)?),
                agent_type: row.get(1)?,
                tally: tally(row, 2)?,
            })
        })
    }

    pub fn days(&self, from: Day, to: Day) -> Result<Vec<DayTally>> {
        let sql = format!(
            "SELECT day, {} FROM days WHERE day BETWEEN ?1 AND ?2 ORDER BY day",
            FIELDS.join(", ")
        );
        self.list(&sql, (from.0, to.0), |row| {
            Ok(DayTally {
                day: Day(row.get(0)?),
                tally: tally(row, 1)?,
            })
        })
    }

    /// By day and agent; of one agent or of all.
    pub fn agent_days(
        &self,
        agent_name: Option<&str>,
        from: Day,
        to: Day,
    ) -> Result<Vec<AgentDay>> {
        let columns = format!(
            "day, agent_name, sketch, min_duration_ms, max_duration_ms, {}",
            FIELDS.join(", ")
        );
        let read = |row: &Row| {
            Ok(AgentDay {
                day: Day(row.get(0)?),
                agent_name: row.get(1)?,
                sketch: sketch(row, 2)?,
                min_duration_ms: duration(row, 3)?,
                max_duration_ms: duration(row, 4)?,
                tally: tally(row, 5)?,
            })
        };
        match agent_name {
            Some(agent_name) => {
                let sql = format!(
                    "SELECT {columns} FROM agents INDEXED BY agents_by_name
                     WHERE agent_name = ?3 AND day BETWEEN ?1 AND ?2 ORDER BY day"
                );
                self.list(&sql, (from.0, to.0, agent_name), read)
            }
            None => {
                let sql = format!(
                    "SELECT {columns} FROM agents WHERE day BETWEEN ?1 AND ?2
                     ORDER BY day, agent_name"
                );
                self.list(&sql, (from.0, to.0), read)
            }
        }
    }

    /// By day and tool, of all agent types together.
    pub fn tools(&self, from: Day, to: Day) -> Result<Vec<ToolDay>> {
        let mut tools: BTreeMap<(Day, String), (i64, i64)> = BTreeMap::new();
        for (of_type, runs) in self.type_tool_sums(from, to)? {
            let (calls, executions) = tools.entry((of_type.day, of_type.tool)).or_default();
            // SQLite's own sum fails beyond 64 bits.
            add(calls, of_type.calls);
            add(executions, runs);
        }
        let row = |((day, tool), (calls, executions))| ToolDay {
            day,
            tool,
            calls,
            executions,
        };
        Ok(tools.into_iter().map(row).collect())
    }

    /// By day, agent type and tool.
    pub fn type_tools(&self, from: Day, to: Day) -> Result<Vec<TypeTool>> {
        let sums = self.type_tool_sums(from, to)?;
        Ok(sums.into_iter().map(|(type_tool, _)| type_tool).collect())
    }

    /// By day, agent type and tool, with the executions that used it.
    pub fn type_tool_sums(&self, from: Day, to: Day) -> Result<Vec<(TypeTool, i64)>> {
        let sql = "SELECT day, agent_type, tool, calls, executions FROM tools
                   WHERE day BETWEEN ?1 AND ?2 ORDER BY day, agent_type, tool";
        self.list(sql, (from.0, to.0), |row| {
            let type_tool = TypeTool {
                day: Day(row.get(0)?),
                agent_type: row.get(1)?,
                tool: row.get(2)?,
                calls: count(row, 3)?,
            };
            Ok((type_tool, row.get(4)?))
        })
    }

    /// By day and the two tools.
    pub fn pairs(&self, from: Day, to: Day) -> Result<Vec<ToolPair>> {
        let sql = "SELECT day, first, second, executions FROM pairs
                   WHERE day BETWEEN ?1 AND ?2 ORDER BY day, first, second";
        self.list(sql, (from.0, to.0), |row| {
            Ok(ToolPair {
                day: Day(row.get(0)?),
                first: row.get(1)?,
                second: row.get(2)?,
                executions: row.get(3)?,
            })
        })
    }

    /// The days from `first` on that have executions.
    pub fn counted_days(&self, first: Day) -> Result<Vec<Day>> {
        let sql = "SELECT day FROM days WHERE day >= ?1 ORDER BY day";
        self.list(sql, [first.0], |row| Ok(Day(row.get(0)?)))
    }

    /// The names that count on a day, sorted.
    pub fn names(&self, kind: NameKind, day: Day) -> Result<Vec<String>> {
        let (sql, range) = match kind {
            NameKind::Agent => (
                "SELECT agent_name FROM agents WHERE day BETWEEN ?1 AND ?2 ORDER BY 1",
                (day.0, day.0),
            ),
            NameKind::Type => (
                "SELECT DISTINCT agent_type FROM hours WHERE hour BETWEEN ?1 AND ?2 ORDER BY 1",
                (day.first_hour().0, day.first_hour().0 + 23),
            ),
            NameKind::Tool => (
                "SELECT DISTINCT tool FROM tools WHERE day BETWEEN ?1 AND ?2 ORDER BY 1",
                (day.0, day.0),
            ),
        };
        self.list(sql, range, |row| row.get(0))
    }

    fn list<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.db.read(|conn: &Connection| {
            let mut select = conn.prepare_cached(sql)?;
            let rows = select.query_map(params, read)?;
            rows.collect()
        })
    }
}

/// A sum of one bucket. One that an older version stored may be beyond the limit.
fn count(row: &Row, column: usize) -> rusqlite::Result<i64> {
    Ok(row.get::<_, i64>(column)?.clamp(0, MAX_SUM))
}

/// The 13 columns from `first` on.
pub(super) fn tally(row: &Row, first: usize) -> rusqlite::Result<Tally> {
    let mut values = [0; FIELDS.len()];
    for (i, value) in values.iter_mut().enumerate() {
        *value = count(row, first + i)?;
    }
    Ok(Tally::from_array(values))
}
