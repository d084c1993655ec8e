//! Sums, added to the rollups. A bucket whose executions have all left it is deleted.

use rusqlite::{CachedStatement, Connection, OptionalExtension, ToSql};

use crate::domain::bucket::Day;
use crate::domain::sketch::Sketch;
use crate::domain::sums::{AgentSum, Sums};
use crate::domain::tally::FIELDS;

/// The executions must be in before: the smallest and largest durations are looked up there.
pub(super) fn add_sums(conn: &Connection, sums: &Sums) -> rusqlite::Result<()> {
    let mut hours = Rollup::new(conn, "hours", &["hour", "agent_type"], &FIELDS)?;
    for ((hour, agent_type), tally) in &sums.hours {
        hours.add(&[&hour.0, agent_type], &tally.to_array())?;
    }
    let mut days = Rollup::new(conn, "days", &["day"], &FIELDS)?;
    for (day, tally) in &sums.days {
        days.add(&[&day.0], &tally.to_array())?;
    }
    let mut models = Rollup::new(conn, "models", &["day", "model"], &FIELDS)?;
    for ((day, model), tally) in &sums.models {
        models.add(&[&day.0, model], &tally.to_array())?;
    }
    let mut sessions = Rollup::new(conn, "sessions", &["day", "session_id"], &FIELDS)?;
    for ((day, session_id), tally) in &sums.sessions {
        sessions.add(&[&day.0, session_id], &tally.to_array())?;
    }
    let mut agents = Rollup::new(conn, "agents", &["day", "agent_name"], &FIELDS)?;
    for ((day, agent_name), sum) in &sums.agents {
        agents.add(&[&day.0, agent_name], &sum.tally.to_array())?;
        add_durations(conn, *day, agent_name, sum)?;
    }
    let (keys, counts) = (["day", "agent_type", "tool"], ["executions", "calls"]);
    let mut tools = Rollup::new(conn, "tools", &keys, &counts)?;
    for ((day, agent_type, tool), sum) in &sums.tools {
        tools.add(&[&day.0, agent_type, tool], &[sum.executions, sum.calls])?;
    }
    let mut pairs = Rollup::new(conn, "pairs", &["day", "first", "second"], &["executions"])?;
    for ((day, first, second), executions) in &sums.pairs {
        pairs.add(&[&day.0, first, second], &[*executions])?;
    }
    Ok(())
}

/// A table of buckets that add up.
struct Rollup<'c> {
    add: CachedStatement<'c>,
    delete_empty: CachedStatement<'c>,
}

impl<'c> Rollup<'c> {
    /// The first of `counts` is that of the executions in a bucket.
    fn new(
        conn: &'c Connection,
        table: &str,
        keys: &[&str],
        counts: &[&str],
    ) -> rusqlite::Result<Rollup<'c>> {
        let columns = [keys, counts].concat();
        let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
        // A sum beyond 64 bits would become a REAL, which the table refuses: then no flush would
        // ever succeed again. The cast ends it at the largest integer.
        let sums: Vec<String> = counts
            .iter()
            .map(|count| format!("{count} = CAST({count} + excluded.{count} AS INTEGER)"))
            .collect();
        let bucket: Vec<String> = keys
            .iter()
            .zip(&places)
            .map(|(key, place)| format!("{key} = {place}"))
            .collect();
        Ok(Rollup {
            add: conn.prepare_cached(&format!(
                "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT DO UPDATE SET {}",
                columns.join(", "),
                places.join(", "),
                sums.join(", ")
            ))?,
            delete_empty: conn.prepare_cached(&format!(
                "DELETE FROM {table} WHERE {} AND {} = 0",
                bucket.join(" AND "),
                counts[0]
            ))?,
        })
    }

    fn add(&mut self, keys: &[&dyn ToSql], counts: &[i64]) -> rusqlite::Result<()> {
        if counts.iter().all(|&count| count == 0) {
            return Ok(());
        }
        let mut values = keys.to_vec();
        values.extend(counts.iter().map(|count| count as &dyn ToSql));
        self.add.execute(&*values)?;
        if counts[0] <= 0 {
            self.delete_empty.execute(keys)?;
        }
        Ok(())
    }
}

/// Merges the durations into the bucket's sketch, smallest and largest.
fn add_durations(
    conn: &Connection,
    day: Day,
    agent_name: &str,
    sum: &AgentSum,
) -> rusqlite::Result<()> {
    let mut select = conn.prepare_cached(
        "SELECT sketch, min_duration_ms, max_duration_ms FROM agents
         WHERE day = ?1 AND agent_name = ?2",
    )?;
    let stored = select.query_row((day.0, agent_name), |row| {
        Ok(AgentSum {
            sketch: sketch(row, 0)?,
            min_duration_ms: duration(row, 1)?,
            max_duration_ms: duration(row, 2)?,
            ..AgentSum::default()
        })
    });
    let Some(mut durations) = stored.optional()? else {
        return Ok(());
    };
    durations.merge(sum);
    if durations.shrunk {
        (durations.min_duration_ms, durations.max_duration_ms) = ends(conn, day, agent_name)?;
    }
    conn.prepare_cached(
        "UPDATE agents SET sketch = ?3, min_duration_ms = ?4, max_duration_ms = ?5
         WHERE day = ?1 AND agent_name = ?2",
    )?
    .execute((
        day.0,
        agent_name,
        durations.sketch.to_v2(),
        durations.min_duration_ms.map(|ms| ms as i64),
        durations.max_duration_ms.map(|ms| ms as i64),
    ))?;
    Ok(())
}

/// The smallest and the largest duration among the executions of a bucket.
fn ends(
    conn: &Connection,
    day: Day,
    agent_name: &str,
) -> rusqlite::Result<(Option<u64>, Option<u64>)> {
    let mut select = conn.prepare_cached(
        "SELECT (SELECT duration_ms FROM executions INDEXED BY executions_by_duration
                 WHERE agent_name = ?1 AND day = ?2 AND duration_ms IS NOT NULL
                 ORDER BY duration_ms LIMIT 1),
                (SELECT duration_ms FROM executions INDEXED BY executions_by_duration
                 WHERE agent_name = ?1 AND day = ?2 AND duration_ms IS NOT NULL
                 ORDER BY duration_ms DESC LIMIT 1)",
    )?;
    select.query_row((agent_name, day.0), |row| {
        Ok((duration(row, 0)?, duration(row, 1)?))
    })
}

/// Null is a bucket without durations.
pub(super) fn sketch(row: &rusqlite::Row, column: usize) -> rusqlite::Result<Sketch> {
    match row.get_ref(column)?.as_blob_or_null()? {
        None => Ok(Sketch::default()),
        Some(bytes) => Sketch::from_v2(bytes).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(
                column,
                rusqlite::types::Type::Blob,
                "not an HdrHistogram".into(),
            )
        }),
    }
}

pub(super) fn duration(row: &rusqlite::Row, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(|ms| ms as u64))
}
