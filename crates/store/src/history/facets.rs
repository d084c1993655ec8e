//! Rollups of days that are over, by facet: the kind, project, branch and host by which answers are
//! chosen. A month that is chosen so would else be read from its single executions. They are made
//! after the day: all that a flush does is to forget those of the days that it changes. Sessions
//! are not in them: they are nearly as many as executions.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::sqlite::{Result, from_json};
use agentpulse_core::bucket::Day;
use agentpulse_core::dimension::{Dimension, Row, TABLE};
use agentpulse_core::execution::{Contribution, Execution};
use agentpulse_core::only::Only;
use agentpulse_core::sums::Sums;
use agentpulse_core::tally::FIELDS;
use agentpulse_core::zone::Zone;

use super::columns::{durations, of};
use super::durations::add_durations;
use super::flush::History;
use super::rollups::{Of, add_sums_of, sum_of};

#[cfg(test)]
mod tests;

/// The tables whose rows are of one facet.
const ROLLUPS: [&str; 3] = ["facet_tallies", "facet_tools", "facet_pairs"];
/// The facets of the day `?1` that are chosen by `?2` to `?5`.
const CHOSEN: &str = "facet IN (SELECT facet FROM main.facets WHERE day = ?1
    AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR project = ?3)
    AND (?4 IS NULL OR branch = ?4) AND (?5 IS NULL OR host = ?5))";

/// How far the facets of a day are made: up to this end and row.
struct Reached {
    day: Day,
    ended_ms: i64,
    rowid: i64,
}

impl History {
    /// Adds at most `max_rows` executions of a day before `today` to its facets, of the newest day
    /// first. Says whether there is more to do.
    pub fn add_to_facets(&mut self, today: Day, max_rows: usize) -> Result<bool> {
        let zone = &self.zone;
        self.db.write(|tx| {
            let reached = match reached(tx)? {
                Some(reached) => reached,
                None => match next_day(tx, today)? {
                    Some(day) => begin(tx, zone, day)?,
                    None => return Ok(false),
                },
            };
            let page = page(tx, zone, &reached, max_rows)?;
            add_page(tx, zone, &page)?;
            let last = match page.last() {
                Some(&(ended_ms, rowid, _)) if page.len() == max_rows => Some((ended_ms, rowid)),
                _ => None,
            };
            tx.prepare_cached(
                "UPDATE faceted_days SET after_ms = ?2, after_row = ?3 WHERE day = ?1",
            )?
            .execute((
                reached.day.0,
                last.map(|last| last.0),
                last.map(|last| last.1),
            ))?;
            Ok(true)
        })
    }
}

/// The day that is begun.
fn reached(conn: &Connection) -> rusqlite::Result<Option<Reached>> {
    conn.prepare_cached(
        "SELECT day, after_ms, after_row FROM faceted_days WHERE after_ms IS NOT NULL LIMIT 1",
    )?
    .query_row([], |row| {
        Ok(Reached {
            day: Day(row.get(0)?),
            ended_ms: row.get(1)?,
            rowid: row.get(2)?,
        })
    })
    .optional()
}

fn next_day(conn: &Connection, today: Day) -> rusqlite::Result<Option<Day>> {
    let sql = format!(
        "SELECT bucket FROM tallies WHERE {} AND bucket < ?1
             AND bucket NOT IN (SELECT day FROM faceted_days)
         ORDER BY bucket DESC LIMIT 1",
        of(Dimension::Day)
    );
    conn.prepare_cached(&sql)?
        .query_row([today.0], |row| Ok(Day(row.get(0)?)))
        .optional()
}

/// What was made of the day before it changed goes.
fn begin(conn: &Connection, zone: &Zone, day: Day) -> rusqlite::Result<Reached> {
    for table in ROLLUPS {
        let sql =
            format!("DELETE FROM {table} WHERE facet IN (SELECT facet FROM facets WHERE day = ?1)");
        conn.prepare_cached(&sql)?.execute([day.0])?;
    }
    conn.prepare_cached("DELETE FROM facets WHERE day = ?1")?
        .execute([day.0])?;
    let reached = Reached {
        day,
        ended_ms: zone.start_ms(day) - 1,
        rowid: i64::MAX,
    };
    conn.prepare_cached("INSERT INTO faceted_days VALUES (?1, ?2, ?3)")?
        .execute((day.0, reached.ended_ms, reached.rowid))?;
    Ok(reached)
}

fn page(
    conn: &Connection,
    zone: &Zone,
    reached: &Reached,
    max_rows: usize,
) -> rusqlite::Result<Vec<(i64, i64, Execution)>> {
    conn.prepare_cached(
        "SELECT ended_ms, rowid, execution FROM executions INDEXED BY executions_ended
         WHERE (ended_ms, rowid) > (?1, ?2) AND ended_ms < ?3
         ORDER BY ended_ms, rowid LIMIT ?4",
    )?
    .query_map(
        params![
            reached.ended_ms,
            reached.rowid,
            zone.end_ms(reached.day),
            max_rows as i64
        ],
        |row| Ok((row.get(0)?, row.get(1)?, from_json(row, 2)?)),
    )?
    .collect()
}

fn add_page(
    conn: &Connection,
    zone: &Zone,
    page: &[(i64, i64, Execution)],
) -> rusqlite::Result<()> {
    let mut facets: BTreeMap<(Day, [&str; 4]), Sums> = BTreeMap::new();
    for contribution in page.iter().filter_map(|(_, _, one)| one.contribution()) {
        let facet = (contribution.day(zone), names(&contribution));
        facets.entry(facet).or_default().add(1, &contribution, zone);
    }
    for ((day, [kind, project, branch, host]), sums) in &facets {
        let facet: i64 = conn
            .prepare_cached(
                "INSERT INTO facets (day, kind, project, branch, host) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET day = excluded.day RETURNING facet",
            )?
            .query_row((day.0, kind, project, branch, host), |row| row.get(0))?;
        add_sums_of(conn, Of::Facet(facet), sums, dimensions())?;
    }
    Ok(())
}

fn names<'a>(of: &Contribution<'a>) -> [&'a str; 4] {
    [
        Dimension::Kind,
        Dimension::Project,
        Dimension::Branch,
        Dimension::Host,
    ]
    .map(|dimension| (dimension.row().key)(of))
}

fn dimensions() -> impl Iterator<Item = &'static Row> {
    TABLE
        .iter()
        .filter(|row| row.dimension != Dimension::Session)
}

/// An execution of the day has changed.
pub(super) fn forget(conn: &Connection, day: Day) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM faceted_days WHERE day = ?1")?
        .execute([day.0])?;
    Ok(())
}

/// The days are others, or are counted by more.
pub(super) fn forget_all(conn: &Connection) -> rusqlite::Result<()> {
    for table in ROLLUPS.iter().chain(&["facets", "faceted_days"]) {
        conn.execute(&format!("DELETE FROM {table}"), [])?;
    }
    Ok(())
}

/// Deletes at most `max_rows` rows of days before `oldest`; returns how many.
pub(super) fn prune(conn: &Connection, oldest: Day, max_rows: usize) -> rusqlite::Result<usize> {
    let mut pruned = 0;
    let tables = [
        ("facet_tallies", "facet, dimension, bucket, key"),
        ("facet_tools", "facet, day, agent_type, tool"),
        ("facet_pairs", "facet, day, first, second"),
    ];
    for (table, key) in tables {
        let sql = format!(
            "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table}
                 WHERE facet IN (SELECT facet FROM facets WHERE day < ?1) LIMIT ?2)"
        );
        let left = (max_rows - pruned) as i64;
        pruned += conn.prepare_cached(&sql)?.execute((oldest.0, left))?;
    }
    if pruned < max_rows {
        for table in ["facets", "faceted_days"] {
            let sql = format!("DELETE FROM {table} WHERE day < ?1");
            conn.prepare_cached(&sql)?.execute([oldest.0])?;
        }
    }
    Ok(pruned)
}

/// Whether all executions of the day are in its facets.
pub(super) fn is_faceted(conn: &Connection, day: Day) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT EXISTS (SELECT * FROM main.faceted_days WHERE day = ?1 AND after_ms IS NULL)",
    )?
    .query_row([day.0], |row| row.get(0))
}

/// Adds the chosen facets of the day to the rollups in memory.
pub(super) fn add_facets(conn: &Connection, only: &Only, day: Day) -> rusqlite::Result<()> {
    let chosen = (
        day.0,
        only.kind.map(|kind| kind.as_str()),
        &only.project,
        &only.branch,
        &only.host,
    );
    for (table, keys, counts) in [
        (
            "tallies",
            &["dimension", "bucket", "key"],
            FIELDS.as_slice(),
        ),
        (
            "tools",
            &["day", "agent_type", "tool"],
            &["executions", "calls"][..],
        ),
        ("pairs", &["day", "first", "second"], &["executions"][..]),
    ] {
        let columns = [keys, counts].concat().join(", ");
        let sums: Vec<String> = counts
            .iter()
            .map(|count| format!("{count} = {}", sum_of(count)))
            .collect();
        conn.prepare_cached(&format!(
            "INSERT INTO temp.{table} ({columns})
                 SELECT {columns} FROM main.facet_{table} WHERE {CHOSEN}
                 ON CONFLICT DO UPDATE SET {}",
            sums.join(", ")
        ))?
        .execute(chosen)?;
    }
    let mut select = conn.prepare_cached(&format!(
        "SELECT key, sketch, min_duration_ms, max_duration_ms FROM main.facet_tallies
         WHERE {CHOSEN} AND {}",
        of(Dimension::Agent)
    ))?;
    let mut rows = select.query(chosen)?;
    while let Some(row) = rows.next()? {
        let agent_name = row.get_ref(0)?.as_str()?;
        add_durations(conn, Of::All, day, agent_name, &durations(row, 1)?)?;
    }
    Ok(())
}
