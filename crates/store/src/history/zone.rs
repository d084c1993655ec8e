//! The zone of the days, in the same file as what is counted by them. A change of it moves what the
//! kept executions have added from the days of the old zone to those of the new one. What was
//! deleted stays counted where it is: nobody knows any more when in its day it ended.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension};

use crate::sqlite::{Result, from_json};
use agentpulse_core::bucket::Day;
use agentpulse_core::dimension::Dimension;
use agentpulse_core::execution::Execution;
use agentpulse_core::sums::Sums;
use agentpulse_core::zone::{Calendar, Zone};
use agentpulse_failpoint::failpoint;
use jiff::tz::TimeZone;

use super::columns::of;
use super::facets::forget_all;
use super::flush::History;
use super::read_rollups::last_counted_day;
use super::rollups::add_sums;

#[cfg(test)]
mod tests;

/// Ends that are read at once.
const PAGE_ROWS: usize = 20_000;
/// Executions that are in memory at once.
const MOVED_AT_ONCE: usize = 1_000;

/// What a history says of its days.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    pub calendar: Calendar,
    /// The zone was that of the system, and not named.
    pub is_local: bool,
}

impl History {
    /// By whose days it counts.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Returns `None` for a history that has not begun.
    pub fn recorded_zone(&self) -> Result<Option<Recorded>> {
        self.db.read(recorded)
    }

    /// Counts by the days of this zone from here on, and moves what is counted: all of it, or,
    /// after an error, nothing. `shown` is called now and then with how many of the executions are
    /// done, and of how many.
    pub fn set_zone(
        &mut self,
        zone: &Zone,
        is_local: bool,
        mut shown: impl FnMut(u64, u64),
    ) -> Result<Calendar> {
        let before = self.zone.clone();
        let calendar = self.db.write(|tx| {
            let since = match before == *zone {
                true => calendar(tx)?.since,
                false => {
                    forget_all(tx)?;
                    rebucket(tx, &before, zone, &mut shown)?
                }
            };
            tx.prepare("INSERT OR REPLACE INTO zone VALUES (1, ?1, ?2, ?3)")?
                .execute((zone.name(), is_local, since.map(|day| day.0)))?;
            failpoint("zone.moved");
            let zone = zone.clone();
            Ok(Calendar { zone, since })
        })?;
        self.zone = calendar.zone.clone();
        Ok(calendar)
    }
}

/// Of a history that has not begun it is UTC's.
pub(super) fn calendar(conn: &Connection) -> rusqlite::Result<Calendar> {
    let utc = || Calendar {
        zone: Zone::utc(),
        since: None,
    };
    Ok(recorded(conn)?.map_or_else(utc, |recorded| recorded.calendar))
}

pub(super) fn recorded(conn: &Connection) -> rusqlite::Result<Option<Recorded>> {
    conn.prepare_cached("SELECT name, is_local, since FROM zone")?
        .query_row([], |row| {
            let name: String = row.get(0)?;
            let zone = TimeZone::get(&name).ok().and_then(Zone::of);
            Ok(Recorded {
                calendar: Calendar {
                    zone: zone.ok_or_else(|| unknown(&name))?,
                    since: row.get::<_, Option<i32>>(2)?.map(Day),
                },
                is_local: row.get(1)?,
            })
        })
        .optional()
}

fn unknown(name: &str) -> rusqlite::Error {
    let problem = format!("its days are those of {name}, which is no zone of the tz database");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, problem.into())
}

/// Returns the first day that is whole in the new zone, if not all are.
fn rebucket(
    conn: &Connection,
    before: &Zone,
    zone: &Zone,
    shown: &mut impl FnMut(u64, u64),
) -> rusqlite::Result<Option<Day>> {
    let mut select = conn.prepare(
        "SELECT ended_ms, rowid FROM executions INDEXED BY executions_ended
         WHERE ended_ms IS NOT NULL AND (ended_ms, rowid) > (?1, ?2)
         ORDER BY ended_ms, rowid LIMIT ?3",
    )?;
    let total = conn.query_row(
        "SELECT count(*) FROM executions INDEXED BY executions_ended WHERE ended_ms IS NOT NULL",
        [],
        |row| row.get::<_, i64>(0),
    )?;
    let (mut last, mut done, mut first_ms) = ((i64::MIN, i64::MIN), 0, None);
    loop {
        let page = select.query_map((last.0, last.1, PAGE_ROWS as i64), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        let page: Vec<(i64, i64)> = page.collect::<rusqlite::Result<_>>()?;
        let Some(&end) = page.last() else { break };
        first_ms = first_ms.or(page.first().map(|&(ended_ms, _)| ended_ms));
        let moves =
            |&&(ended_ms, _): &&(i64, i64)| before.day_of(ended_ms) != zone.day_of(ended_ms);
        let moved: Vec<(i64, i64)> = page.iter().filter(moves).copied().collect();
        for moved in moved.chunks(MOVED_AT_ONCE) {
            move_executions(conn, moved, before, zone)?;
        }
        (last, done) = (end, done + page.len() as u64);
        shown(done, total as u64);
        failpoint("zone.page");
    }
    let days = |first_ms| before.day_of(first_ms).max(zone.day_of(first_ms));
    first_whole(conn, zone, first_ms.map(days))
}

fn move_executions(
    conn: &Connection,
    ends: &[(i64, i64)],
    before: &Zone,
    zone: &Zone,
) -> rusqlite::Result<()> {
    let mut select = conn.prepare_cached("SELECT execution FROM executions WHERE rowid = ?1")?;
    let mut update = conn.prepare_cached("UPDATE executions SET day = ?2 WHERE rowid = ?1")?;
    let mut moved: Vec<Execution> = Vec::with_capacity(ends.len());
    for &(ended_ms, rowid) in ends {
        moved.push(select.query_row([rowid], |row| from_json(row, 0))?);
        update.execute((rowid, zone.day_of(ended_ms).0))?;
    }
    let mut sums = Sums::default();
    for contribution in moved.iter().filter_map(Execution::contribution) {
        sums.add(-1, &contribution, before);
        sums.add(1, &contribution, zone);
    }
    add_sums(conn, &sums)?;
    Ok(())
}

/// `last` is the last day in which something may be counted that was deleted; without executions
/// all may be.
fn first_whole(conn: &Connection, zone: &Zone, last: Option<Day>) -> rusqlite::Result<Option<Day>> {
    let last = match last {
        Some(last) => last,
        None => match last_counted_day(conn)? {
            Some(last) => last,
            None => return Ok(None),
        },
    };
    let counted = format!(
        "SELECT ifnull(sum(execution_count), 0) FROM tallies WHERE {} AND bucket <= ?1",
        of(Dimension::Day)
    );
    let counted: i64 = conn.query_row(&counted, [last.0], |row| row.get(0))?;
    let kept: i64 = conn.query_row(
        "SELECT count(*) FROM executions INDEXED BY executions_ended WHERE ended_ms < ?1",
        [zone.end_ms(last)],
        |row| row.get(0),
    )?;
    Ok((counted > kept).then_some(Day(last.0 + 1)))
}
