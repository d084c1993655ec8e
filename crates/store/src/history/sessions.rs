//! Sessions by what has ended of them, newest end first, by pages; and the executions of one. A
//! read of some executions chooses the sessions that have one of them: the sums are those of the
//! file, of whole sessions.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use rusqlite::{Connection, params};

use crate::sqlite::{Result, from_json};
use agentpulse_core::bucket::Day;
use agentpulse_core::dimension::Dimension;
use agentpulse_core::execution::{Execution, Status};
use agentpulse_core::kind::Kind;
use agentpulse_core::only::Only;
use agentpulse_core::tally::{FIELDS, Tally};
use agentpulse_core::turns::main_id;

use super::columns::{of, tally};
use super::list::Position;
use super::read::{Reader, execution};

/// What one page takes: some 150 ms.
struct Bounds {
    /// Rows that it looks at to find sessions. It may then be short, or empty, and still have a
    /// next one.
    scanned: usize,
    /// Executions of the sessions that it sums up, before the last of them.
    summed: i64,
}

const MAX: Bounds = Bounds {
    scanned: 20_000,
    summed: 20_000,
};

/// A session, as far as it has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub session_id: String,
    pub tally: Tally,
    /// `None` where no execution says when it started.
    pub started_ms: Option<i64>,
    /// The last end.
    pub ended_ms: i64,
    /// How the last turn of the main thread ended, else the last execution.
    pub status: Status,
    pub turns: i64,
    /// One of its executions is of those that are read.
    pub is_chosen: bool,
    /// Executions by their model.
    pub models: BTreeMap<String, i64>,
}

#[derive(Debug, PartialEq)]
pub struct SessionPage {
    /// The newest end first.
    pub sessions: Vec<Session>,
    /// After which the next page goes on; nothing at the end of the list.
    pub next: Option<Position>,
}

impl Reader {
    /// Sessions whose last end is within a range of time, newest first, at most `limit`, those
    /// whose last execution comes after `before` in that order. `wanted` chooses by the id.
    pub fn sessions(
        &self,
        ended_ms: Range<i64>,
        before: Option<Position>,
        wanted: &dyn Fn(&str) -> bool,
        limit: usize,
    ) -> Result<SessionPage> {
        let (only, place) = (&*self.chosen.borrow(), (ended_ms, before));
        self.db.snapshot(|_| {
            self.db
                .read(|conn| page(conn, only, place, wanted, limit, MAX))
        })
    }

    /// Returns `None` if nothing of it has ended.
    pub fn session(&self, session_id: &str) -> Result<Option<Session>> {
        let only = &*self.chosen.borrow();
        self.db
            .snapshot(|_| self.db.read(|conn| summary(conn, only, session_id)))
    }

    /// Its ended executions, newest end first, one at a time.
    pub fn each_of_session(
        &self,
        session_id: &str,
        mut f: impl FnMut(Arc<Execution>),
    ) -> Result<()> {
        self.db.snapshot(|_| {
            self.db.read(|conn| {
                let mut select = conn.prepare_cached(
                    "SELECT execution FROM executions INDEXED BY executions_of_session
                     WHERE day = ?1 AND session_id = ?2 ORDER BY ended_ms DESC, rowid DESC",
                )?;
                for (day, _) in days(conn, session_id)?.into_iter().rev() {
                    let mut rows = select.query(params![day.0, session_id])?;
                    while let Some(row) = rows.next()? {
                        f(execution(row, 0)?);
                    }
                }
                Ok(())
            })
        })
    }
}

/// Goes through the executions, newest end first: the first that is met of a session is its last,
/// if none of it ended later.
fn page(
    conn: &Connection,
    only: &Only,
    (ended_ms, before): (Range<i64>, Option<Position>),
    wanted: &dyn Fn(&str) -> bool,
    limit: usize,
    max: Bounds,
) -> rusqlite::Result<SessionPage> {
    let mut select = conn.prepare_cached(
        "SELECT rowid, ended_ms, day, session_id FROM executions INDEXED BY executions_ended
         WHERE ended_ms IS NOT NULL AND ended_ms >= ?1 AND (ended_ms, rowid) < (?2, ?3)
         ORDER BY ended_ms DESC, rowid DESC",
    )?;
    let to = Position {
        ended_ms: ended_ms.end,
        rowid: i64::MIN,
    };
    let before = before.map_or(to, |before| before.min(to));
    let mut rows = select.query(params![ended_ms.start, before.ended_ms, before.rowid])?;
    let (mut sessions, mut met) = (Vec::new(), HashSet::new());
    let (mut last, mut scanned, mut summed) = (None, 0, 0);
    while let Some(row) = rows.next()? {
        if sessions.len() == limit || scanned == max.scanned || summed >= max.summed {
            return Ok(SessionPage {
                sessions,
                next: last,
            });
        }
        scanned += 1;
        let position = Position {
            rowid: row.get(0)?,
            ended_ms: row.get(1)?,
        };
        last = Some(position);
        let Some(session_id) = row.get_ref(3)?.as_str_or_null()? else {
            continue;
        };
        if met.contains(session_id) {
            continue;
        }
        met.insert(session_id.to_owned());
        if !wanted(session_id) || goes_on(conn, session_id, row.get(2)?, position)? {
            continue;
        }
        if let Some(session) = summary(conn, only, session_id)? {
            summed += session.tally.execution_count;
            sessions.extend(Some(session).filter(|session| session.is_chosen));
        }
    }
    Ok(SessionPage {
        sessions,
        next: None,
    })
}

/// Whether anything of the session ended after this execution, which ended on this day.
fn goes_on(
    conn: &Connection,
    session_id: &str,
    day: i32,
    position: Position,
) -> rusqlite::Result<bool> {
    conn.prepare_cached(&format!(
        "SELECT EXISTS (SELECT * FROM main.tallies INDEXED BY tallies_by_key
                        WHERE {} AND key = ?1 AND bucket > ?2 AND execution_count > 0)
             OR EXISTS (SELECT * FROM executions INDEXED BY executions_of_session
                        WHERE day = ?2 AND session_id = ?1 AND (ended_ms, rowid) > (?3, ?4))",
        of(Dimension::Session)
    ))?
    .query_row(
        params![session_id, day, position.ended_ms, position.rowid],
        |row| row.get(0),
    )
}

/// The days on which anything of the session ended, oldest first.
pub(super) fn days(conn: &Connection, session_id: &str) -> rusqlite::Result<Vec<(Day, Tally)>> {
    conn.prepare_cached(&format!(
        "SELECT bucket, {} FROM main.tallies INDEXED BY tallies_by_key
         WHERE {} AND key = ?1 AND execution_count > 0 ORDER BY bucket",
        FIELDS.join(", "),
        of(Dimension::Session)
    ))?
    .query_map([session_id], |row| Ok((Day(row.get(0)?), tally(row, 1)?)))?
    .collect()
}

fn summary(conn: &Connection, only: &Only, session_id: &str) -> rusqlite::Result<Option<Session>> {
    let turns_begin = main_id("");
    // Of an agent the execution itself is not read, if all are asked for.
    let chosen_by = match only.is_all() {
        true => "NULL",
        false => "execution",
    };
    let mut select = conn.prepare_cached(&format!(
        "SELECT ended_ms, started_ms, status, model,
             CASE substr(id, 1, {}) WHEN '{turns_begin}'
                 THEN execution ->> '$.hooked.kind' IS '{}' ELSE 0 END,
             {chosen_by}
         FROM executions INDEXED BY executions_of_session
         WHERE day = ?1 AND session_id = ?2 ORDER BY ended_ms, rowid",
        turns_begin.len(),
        Kind::Main.as_str()
    ))?;
    let (mut all, mut last, mut last_turn) = (Tally::default(), None, None);
    let (mut started_ms, mut turns) = (None, 0);
    let mut is_chosen = only.is_all();
    let mut models: BTreeMap<String, i64> = BTreeMap::new();
    for (day, tally) in days(conn, session_id)? {
        all += tally;
        let mut rows = select.query(params![day.0, session_id])?;
        while let Some(row) = rows.next()? {
            let end: (i64, Option<Status>) = (row.get(0)?, row.get_ref(2)?.as_str()?.parse().ok());
            let began: Option<i64> = row.get(1)?;
            started_ms = started_ms.into_iter().chain(began).min();
            if let Some(model) = row.get_ref(3)?.as_str_or_null()? {
                *models.entry(model.to_owned()).or_default() += 1;
            }
            last = Some(end);
            is_chosen = is_chosen || only.takes(&from_json(row, 5)?);
            if row.get(4)? {
                turns += 1;
                last_turn = end.1;
            }
        }
    }
    Ok(last.and_then(|(ended_ms, status)| {
        Some(Session {
            session_id: session_id.to_owned(),
            tally: all,
            started_ms,
            ended_ms,
            status: last_turn.or(status)?,
            turns,
            is_chosen,
            models,
        })
    }))
}

impl Session {
    /// Takes away what one execution has added: it runs again, and history does not know it yet.
    pub fn leave_out(&mut self, execution: &Execution) {
        let Some(contribution) = execution.contribution() else {
            return;
        };
        self.tally += -contribution.tally;
        self.turns -= i64::from(execution.kind() == Kind::Main);
        let model = contribution.model;
        if let Some(executions) = model.and_then(|model| self.models.get_mut(model)) {
            *executions -= 1;
        }
        self.models.retain(|_, executions| *executions > 0);
    }
}

#[cfg(test)]
mod tests;
