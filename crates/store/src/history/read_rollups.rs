//! The rollups by hour and by day. Ranges include both ends; buckets without executions are not
//! there.

use rusqlite::{Connection, Params, Row};

use crate::sqlite::Result;
use agentpulse_core::bucket::{Day, Hour};
use agentpulse_core::dimension::Dimension;
use agentpulse_core::names::NameKind;
use agentpulse_core::tally::FIELDS;
use agentpulse_core::view::{AgentDay, DayTally, HourTally, ToolPair, TypeTool};

use super::columns::{count, duration, of, sketch, tally};
use super::read::Reader;

impl Reader {
    /// By hour and agent type, one row at a time: there may be very many types.
    pub fn each_hour(&self, from: Hour, to: Hour, f: impl FnMut(HourTally)) -> Result<()> {
        let sql = format!(
            "SELECT bucket, key, {} FROM tallies WHERE {} AND bucket BETWEEN ?1 AND ?2
             ORDER BY bucket, key",
            FIELDS.join(", "),
            of(Dimension::Type)
        );
        let read = |row: &Row| {
            Ok(HourTally {
                hour: Hour(row.get(0)?),
                agent_type: row.get(1)?,
                tally: tally(row, 2)?,
            })
        };
        self.each(&sql, (from.0, to.0), read, f)
    }

    pub fn days(&self, from: Day, to: Day) -> Result<Vec<DayTally>> {
        let sql = format!(
            "SELECT bucket, {} FROM tallies WHERE {} AND bucket BETWEEN ?1 AND ?2
             ORDER BY bucket",
            FIELDS.join(", "),
            of(Dimension::Day)
        );
        self.list(&sql, (from.0, to.0), |row| {
            Ok(DayTally {
                day: Day(row.get(0)?),
                tally: tally(row, 1)?,
            })
        })
    }

    /// Of one agent, by day.
    pub fn agent_days(&self, agent_name: &str, from: Day, to: Day) -> Result<Vec<AgentDay>> {
        let sql = format!(
            "SELECT {} FROM tallies INDEXED BY tallies_by_key
             WHERE {} AND key = ?3 AND bucket BETWEEN ?1 AND ?2 ORDER BY bucket",
            agent_columns(),
            of(Dimension::Agent)
        );
        self.list(&sql, (from.0, to.0, agent_name), agent_day)
    }

    /// By day and agent, one row at a time: there may be very many agents.
    pub fn each_agent_day(&self, from: Day, to: Day, f: impl FnMut(AgentDay)) -> Result<()> {
        let sql = format!(
            "SELECT {} FROM tallies WHERE {} AND bucket BETWEEN ?1 AND ?2 ORDER BY bucket, key",
            agent_columns(),
            of(Dimension::Agent)
        );
        self.each(&sql, (from.0, to.0), agent_day, f)
    }

    /// By day, agent type and tool, with the executions that used it; one row at a time: there may
    /// be very many.
    pub fn each_type_tool(
        &self,
        from: Day,
        to: Day,
        mut f: impl FnMut(TypeTool, i64),
    ) -> Result<()> {
        let sql = "SELECT day, agent_type, tool, calls, executions FROM tools
                   WHERE day BETWEEN ?1 AND ?2 ORDER BY day, agent_type, tool";
        let read = |row: &Row| {
            let type_tool = TypeTool {
                day: Day(row.get(0)?),
                agent_type: row.get(1)?,
                tool: row.get(2)?,
                calls: count(row, 3)?,
            };
            Ok((type_tool, row.get(4)?))
        };
        self.each(sql, (from.0, to.0), read, |(row, executions)| {
            f(row, executions);
        })
    }

    /// By day and the two tools, one row at a time: there may be very many.
    pub fn each_pair(&self, from: Day, to: Day, f: impl FnMut(ToolPair)) -> Result<()> {
        let sql = "SELECT day, first, second, executions FROM pairs
                   WHERE day BETWEEN ?1 AND ?2 ORDER BY day, first, second";
        let read = |row: &Row| {
            Ok(ToolPair {
                day: Day(row.get(0)?),
                first: row.get(1)?,
                second: row.get(2)?,
                executions: row.get(3)?,
            })
        };
        self.each(sql, (from.0, to.0), read, f)
    }

    /// The days from `first` on that have executions.
    pub fn counted_days(&self, first: Day) -> Result<Vec<Day>> {
        let sql = format!(
            "SELECT bucket FROM tallies WHERE {} AND bucket >= ?1 ORDER BY bucket",
            of(Dimension::Day)
        );
        self.list(&sql, [first.0], |row| Ok(Day(row.get(0)?)))
    }

    /// The names that count on a day, sorted.
    pub fn names(&self, kind: NameKind, day: Day) -> Result<Vec<String>> {
        let dimension = match kind {
            NameKind::Agent => Dimension::Agent,
            NameKind::Type => Dimension::Type,
            NameKind::Tool => {
                let sql = "SELECT DISTINCT tool FROM tools WHERE day = ?1 ORDER BY 1";
                return self.list(sql, [day.0], |row| row.get(0));
            }
        };
        let sql = format!(
            "SELECT DISTINCT key FROM tallies WHERE {} AND bucket BETWEEN ?1 AND ?2 ORDER BY 1",
            of(dimension)
        );
        // An hour that a day begins or ends in is one of it.
        let (bucket, zone) = (dimension.row().bucket, self.zone());
        let last_ms = zone.end_ms(day) - 1;
        let range = (bucket.first_of(zone, day), bucket.of(zone, last_ms));
        self.list(&sql, range, |row| row.get(0))
    }

    fn list<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut list = Vec::new();
        self.each(sql, params, read, |row| list.push(row))?;
        Ok(list)
    }

    fn each<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row) -> rusqlite::Result<T>,
        mut f: impl FnMut(T),
    ) -> Result<()> {
        self.db.read(|conn: &Connection| {
            let mut select = conn.prepare_cached(sql)?;
            for row in select.query_map(params, read)? {
                f(row?);
            }
            Ok(())
        })
    }
}

/// Returns `None` where nothing has ended.
pub(super) fn last_counted_day(conn: &Connection) -> rusqlite::Result<Option<Day>> {
    let sql = format!(
        "SELECT max(bucket) FROM tallies WHERE {}",
        of(Dimension::Day)
    );
    let last: Option<i32> = conn.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
    Ok(last.map(Day))
}

fn agent_columns() -> String {
    format!(
        "bucket, key, sketch, min_duration_ms, max_duration_ms, {}",
        FIELDS.join(", ")
    )
}

fn agent_day(row: &Row) -> rusqlite::Result<AgentDay> {
    Ok(AgentDay {
        day: Day(row.get(0)?),
        agent_name: row.get(1)?,
        sketch: sketch(row, 2)?,
        min_duration_ms: duration(row, 3)?,
        max_duration_ms: duration(row, 4)?,
        tally: tally(row, 5)?,
    })
}
