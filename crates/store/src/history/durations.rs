//! Durations, merged into the sketch of their bucket, and its smallest and largest.

use rusqlite::{Connection, OptionalExtension};

use agentpulse_core::bucket::Day;
use agentpulse_core::dimension::Dimension;
use agentpulse_core::sums::Durations;

use super::columns::{duration, durations};
use super::rollups::Of;

/// Merges the durations into the bucket's sketch, smallest and largest.
pub(super) fn add_durations(
    conn: &Connection,
    of: Of,
    day: Day,
    agent_name: &str,
    added: &Durations,
) -> rusqlite::Result<()> {
    let (table, facet) = match of {
        Of::All => ("tallies", None),
        Of::Facet(facet) => ("facet_tallies", Some(facet)),
    };
    let of_facet = facet.map_or("?4 IS NULL", |_| "facet = ?4");
    let bucket = format!("WHERE {of_facet} AND dimension = ?1 AND bucket = ?2 AND key = ?3");
    let code = Dimension::Agent.row().code;
    let mut select = conn.prepare_cached(&format!(
        "SELECT sketch, min_duration_ms, max_duration_ms FROM {table} {bucket}"
    ))?;
    let stored = select.query_row((code, day.0, agent_name, facet), |row| durations(row, 0));
    let Some(mut durations) = stored.optional()? else {
        return Ok(());
    };
    durations.merge(added);
    if durations.extremes_unknown {
        (durations.min_duration_ms, durations.max_duration_ms) = ends(conn, day, agent_name)?;
    }
    conn.prepare_cached(&format!(
        "UPDATE {table} SET sketch = ?5, min_duration_ms = ?6, max_duration_ms = ?7 {bucket}"
    ))?
    .execute((
        code,
        day.0,
        agent_name,
        facet,
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
