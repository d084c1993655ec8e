//! The rollups of some of the executions, as tables in memory. They are made by the rule that makes
//! those of the file, so that no read of rollups has to know of it. A day of which all executions
//! are chosen, or none, is known by its tallies. Of the others its [facets](super::facets) are
//! added up, or, where it has none yet, its executions are read.

use std::ops::Range;

use memchr::memmem::Finder;
use rusqlite::Connection;

use crate::sqlite::{from_json, to_json};
use agentpulse_core::bucket::Day;
use agentpulse_core::dimension::{Bucket, Dimension, Row, TABLE};
use agentpulse_core::execution::Execution;
use agentpulse_core::only::Only;
use agentpulse_core::sums::Sums;
use agentpulse_core::zone::Zone;

use super::columns::of;
use super::facets::{add_facets, is_faceted};
use super::rollups::{Of, add_sums_of};

/// Executions that are in memory at once.
const AT_ONCE: usize = 1_000;
/// The tables of the rollups, their indexes and triggers are made as they are in the file.
const ROLLUPS: &str = "SELECT sql FROM main.sqlite_schema
    WHERE tbl_name IN ('tallies', 'session_costs', 'tools', 'pairs') AND sql IS NOT NULL
    ORDER BY type = 'trigger', rootpage";

/// Which rollups are read.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// When their executions ended.
    pub ended_ms: Range<i64>,
    /// Also those by session: they are nearly as many as executions.
    pub sessions: bool,
}

impl Wanted {
    fn dimensions(&self) -> impl Iterator<Item = &'static Row> + Clone {
        let sessions = self.sessions;
        let is_wanted = move |row: &&Row| sessions || row.dimension != Dimension::Session;
        TABLE.iter().filter(is_wanted)
    }
}

/// How many of the executions of a day are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    All,
    None,
    Some,
}

pub(super) fn make_rollups(
    conn: &Connection,
    zone: &Zone,
    only: &Only,
    wanted: &Wanted,
) -> rusqlite::Result<()> {
    for sql in conn.prepare(ROLLUPS)?.query_map([], |row| row.get(0))? {
        let sql: String = sql?;
        let of_memory = sql
            .replacen("CREATE TABLE ", "CREATE TEMP TABLE ", 1)
            .replacen("CREATE INDEX ", "CREATE INDEX temp.", 1)
            .replacen("CREATE TRIGGER ", "CREATE TEMP TRIGGER ", 1);
        conn.execute_batch(&of_memory)?;
    }
    for day in days(conn, zone, &wanted.ended_ms)? {
        let ended_ms = zone.start_ms(day)..zone.end_ms(day);
        let is_whole =
            wanted.ended_ms.start <= ended_ms.start && ended_ms.end <= wanted.ended_ms.end;
        match share(conn, only, day)? {
            Share::None => {}
            Share::All if is_whole && zone.has_whole_hours(day, day) => {
                copy(conn, zone, wanted, day)?;
            }
            _ if is_whole && !wanted.sessions && is_faceted(conn, day)? => {
                add_facets(conn, only, day)?;
            }
            _ => add_executions(conn, zone, only, wanted, &ended_ms)?,
        }
    }
    Ok(())
}

/// Those on which anything ended in this time.
fn days(conn: &Connection, zone: &Zone, ended_ms: &Range<i64>) -> rusqlite::Result<Vec<Day>> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT bucket FROM main.tallies WHERE {} AND bucket >= ?1 ORDER BY bucket",
        of(Dimension::Day)
    ))?;
    let days = select.query_map([zone.day_of(ended_ms.start).0], |row| Ok(Day(row.get(0)?)))?;
    let is_within = |day: &rusqlite::Result<Day>| match day {
        Ok(day) => zone.start_ms(*day) < ended_ms.end,
        Err(_) => true,
    };
    days.take_while(is_within).collect()
}

/// By what is counted by name. What was deleted before it was counted so has no name: then some
/// are chosen.
fn share(conn: &Connection, only: &Only, day: Day) -> rusqlite::Result<Share> {
    let mut select = conn.prepare_cached(
        "SELECT ifnull(sum(execution_count), 0) FROM main.tallies
         WHERE dimension = ?1 AND bucket = ?2 AND key = ?3",
    )?;
    let mut count = |by: Dimension, key: &str| -> rusqlite::Result<i64> {
        select.query_row((by.row().code, day.0, key), |row| row.get(0))
    };
    let names = [
        (Dimension::Kind, only.kind.map(|kind| kind.as_str())),
        (Dimension::Project, only.project.as_deref()),
        (Dimension::Branch, only.branch.as_deref()),
        (Dimension::Host, only.host.as_deref()),
    ];
    let all = count(Dimension::Day, "")?;
    let mut share = Share::All;
    for (by, name) in names {
        let Some(name) = name else { continue };
        match count(by, name)? {
            0 if is_counted(conn, by, day, all)? => return Ok(Share::None),
            chosen if chosen == all => {}
            _ => share = Share::Some,
        }
    }
    Ok(share)
}

/// Whether all executions of the day are counted by these names.
fn is_counted(conn: &Connection, by: Dimension, day: Day, all: i64) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT ifnull(sum(execution_count), 0) FROM main.tallies
         WHERE dimension = ?1 AND bucket = ?2",
    )?
    .query_row((by.row().code, day.0), |row| {
        Ok(row.get::<_, i64>(0)? == all)
    })
}

/// The rollups of the day as they are in the file.
fn copy(conn: &Connection, zone: &Zone, wanted: &Wanted, day: Day) -> rusqlite::Result<()> {
    let mut tallies = conn.prepare_cached(
        "INSERT INTO temp.tallies SELECT * FROM main.tallies
         WHERE dimension = ?1 AND bucket BETWEEN ?2 AND ?3",
    )?;
    let (first_hour, last_hour) = zone.hours_of(day);
    for row in wanted.dimensions() {
        let (first, last) = match row.bucket {
            Bucket::Hour => (first_hour.0, last_hour.0),
            Bucket::Day => (day.0, day.0),
        };
        tallies.execute((row.code, first, last))?;
    }
    for table in ["tools", "pairs"] {
        conn.prepare_cached(&format!(
            "INSERT INTO temp.{table} SELECT * FROM main.{table} WHERE day = ?1"
        ))?
        .execute([day.0])?;
    }
    Ok(())
}

/// Of the executions that ended in this time, as far as it is wanted.
fn add_executions(
    conn: &Connection,
    zone: &Zone,
    only: &Only,
    wanted: &Wanted,
    ended_ms: &Range<i64>,
) -> rusqlite::Result<()> {
    let mut select = conn.prepare_cached(
        "SELECT execution FROM executions INDEXED BY executions_ended
         WHERE ended_ms >= ?1 AND ended_ms < ?2 ORDER BY ended_ms",
    )?;
    let from_ms = ended_ms.start.max(wanted.ended_ms.start);
    let mut rows = select.query((from_ms, ended_ms.end.min(wanted.ended_ms.end)))?;
    let texts = texts(only)?;
    let finders: Vec<Finder> = texts.iter().map(Finder::new).collect();
    let mut chosen: Vec<Execution> = Vec::with_capacity(AT_ONCE);
    while let Some(row) = rows.next()? {
        let stored = row.get_ref(0)?.as_bytes()?;
        if finders.iter().any(|finder| finder.find(stored).is_none()) {
            continue;
        }
        let one: Execution = from_json(row, 0)?;
        if only.takes(&one) {
            chosen.push(one);
        }
        if chosen.len() == AT_ONCE {
            add(conn, zone, wanted, &chosen)?;
            chosen.clear();
        }
    }
    add(conn, zone, wanted, &chosen)
}

/// What the text of a chosen execution has in any case: to look for it takes less than to read the
/// text.
fn texts(only: &Only) -> rusqlite::Result<Vec<String>> {
    let names = [&only.project, &only.branch, &only.host];
    names.into_iter().flatten().map(to_json).collect()
}

fn add(
    conn: &Connection,
    zone: &Zone,
    wanted: &Wanted,
    chosen: &[Execution],
) -> rusqlite::Result<()> {
    let mut sums = Sums::default();
    for contribution in chosen.iter().filter_map(Execution::contribution) {
        sums.add(1, &contribution, zone);
    }
    add_sums_of(conn, Of::All, &sums, wanted.dimensions())?;
    Ok(())
}
