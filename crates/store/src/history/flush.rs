//! Changes, folded into executions and rollups in one transaction that moves the cursor with them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, params};

use crate::sqlite::{Db, Result, to_json};
use agentpulse_core::bucket::Day;
use agentpulse_core::change::{Change, Net};
use agentpulse_core::cursor::Cursor;
use agentpulse_core::dimension::Dimension;
use agentpulse_core::execution::Execution;
use agentpulse_core::lifetime::LifetimeCounters;
use agentpulse_core::sums::Sums;
use agentpulse_core::zone::Zone;

use super::facets::forget;
use super::lifetime::add_lifetime;
use super::read::{cursor, id_hash};
use super::rollups::add_sums;
use super::schema::SCHEMA;
use super::uncounted::count_dimensions;
use super::zone::calendar;

/// A transaction of 20,000 executions beside a million others touches some 40 MiB of pages; what
/// does not fit is written to the log twice.
const CACHE_KIB: u32 = 16 * 1024;

/// The flusher's end of history. There is one.
pub struct History {
    pub(super) db: Db,
    pub(super) zone: Zone,
}

impl History {
    /// Makes the file if there is none.
    pub fn open(path: &Path) -> Result<History> {
        let mut db = Db::open_writer(path, SCHEMA, CACHE_KIB)?;
        let zone = db.read(calendar)?.zone;
        count_dimensions(&mut db, &zone)?;
        Ok(History { db, zone })
    }

    /// The last change that is in here; nothing before the first flush.
    pub fn cursor(&self) -> Result<Option<Cursor>> {
        self.db.read(cursor)
    }

    /// Says that this is how far the journal is in here, without applying anything.
    pub fn set_cursor(&mut self, cursor: &Cursor) -> Result<()> {
        self.db.write(|tx| put_cursor(tx, cursor))
    }

    /// Applies the changes, which follow the cursor as it is and end at `cursor`: all of them and
    /// the cursor, or, after an error, nothing. To apply one twice counts it twice. `totals` is
    /// what the same changes add to the counters of all time. Says how many buckets with a sum at
    /// its limit were added to.
    pub fn flush(
        &mut self,
        changes: &[Arc<Change>],
        totals: &LifetimeCounters,
        cursor: &Cursor,
    ) -> Result<u64> {
        let zone = &self.zone;
        let nets = Net::of_each(changes.iter().map(Arc::as_ref));
        let last_states = LastState::of_each(&nets);
        let sums = Sums::of(&nets, zone);
        let accepted_ms = changes.iter().map(|change| change.accepted_ms).max();
        let day = zone.day_of(accepted_ms.unwrap_or(0));
        self.db.write(|tx| {
            put_executions(tx, &last_states, zone)?;
            for (day, _) in sums.by(Dimension::Day).keys() {
                forget(tx, Day(*day))?;
            }
            let at_limit = add_sums(tx, &sums)?;
            add_lifetime(tx, totals, day)?;
            put_cursor(tx, cursor)?;
            Ok(at_limit)
        })
    }

    /// Writes down what the daemon has counted.
    pub fn put_counters(&mut self, counters: &BTreeMap<String, u64>) -> Result<()> {
        self.db.write(|tx| {
            let mut put = tx.prepare_cached(
                "INSERT INTO counters (name, count) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET count = excluded.count",
            )?;
            for (name, &count) in counters {
                put.execute((name, count as i64))?;
            }
            Ok(())
        })
    }

    /// Lets go of the pages that are kept in memory: at rest nothing needs them.
    pub fn release_memory(&self) -> Result<()> {
        self.db.release_memory()
    }

    /// The size of the write-ahead log; see [`History::restart_wal`].
    pub fn wal_bytes(&self) -> u64 {
        self.db.wal_bytes()
    }

    /// Empties the write-ahead log; false when a reader or a checkpoint was in the way.
    pub fn restart_wal(&self) -> Result<bool> {
        self.db.restart_wal()
    }
}

/// What a run of changes leaves of one execution.
struct LastState<'a> {
    id_hash: i64,
    /// It had no row before the first of them.
    is_new: bool,
    seq: u64,
    execution: &'a Execution,
}

impl<'a> LastState<'a> {
    /// Sorted by hash, the order in which the index is quickest.
    fn of_each(nets: &[Net<'a>]) -> Vec<LastState<'a>> {
        let mut states: Vec<LastState> = nets
            .iter()
            .map(|net| LastState {
                id_hash: id_hash(net.last.id()),
                is_new: net.first.first,
                seq: net.last.seq,
                execution: net.after(),
            })
            .collect();
        states.sort_unstable_by_key(|state| (state.id_hash, state.seq));
        states
    }
}

fn put_cursor(conn: &Connection, cursor: &Cursor) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO cursor (only, epoch, seq) VALUES (1, ?1, ?2)")?
        .execute((&cursor.epoch, cursor.seq as i64))?;
    Ok(())
}

/// An update does not name `id` and `id_hash` among what it sets: their index stays as it is.
fn put_executions(
    conn: &Connection,
    last_states: &[LastState],
    zone: &Zone,
) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO executions (id, id_hash, seq, started_ms, ended_ms, day, agent_name,
             agent_type, status, duration_ms, session_id, model, total_tokens, cost_micros,
             execution, is_unread)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?;
    let mut update = conn.prepare_cached(
        "UPDATE OR FAIL executions SET seq = ?3, started_ms = ?4, ended_ms = ?5, day = ?6,
             agent_name = ?7, agent_type = ?8, status = ?9, duration_ms = ?10, session_id = ?11,
             model = ?12, total_tokens = ?13, cost_micros = ?14, execution = ?15,
             is_unread = ?16
         WHERE id_hash = ?2 AND id = ?1",
    )?;
    for state in last_states {
        // A row that is not there although it was known is one that a restored backup lacks.
        if state.is_new || put(&mut update, state, zone)? == 0 {
            put(&mut insert, state, zone)?;
        }
    }
    Ok(())
}

/// The status of a row of which nothing is left.
const VOID: &str = "void";

fn put(statement: &mut CachedStatement, state: &LastState, zone: &Zone) -> rusqlite::Result<usize> {
    let execution = state.execution;
    let outcome = execution.outcome();
    let total_tokens = execution
        .token_usage()
        .map_or(0, |usage| usage.total_tokens as i64);
    statement.execute(params![
        execution.id,
        state.id_hash,
        state.seq as i64,
        execution.started_ms(),
        outcome.map(|outcome| outcome.ended_ms),
        outcome.map(|outcome| zone.day_of(outcome.ended_ms).0),
        execution.agent_name(),
        execution.agent_type(),
        match outcome {
            Some(outcome) => Some(outcome.status.as_str()),
            None => execution.is_void().then_some(VOID),
        },
        outcome.and_then(|outcome| Some(outcome.duration_ms? as i64)),
        execution.origin(|origin| &origin.session_id),
        execution.model(),
        total_tokens,
        execution.cost_micros(),
        to_json(execution)?,
        execution.is_unread(),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW_MS, Random, TODAY, World, start, stop_of};
    use super::*;
    use agentpulse_core::execution::Status;

    #[test]
    fn a_start_and_its_stop_are_the_same_in_one_batch_and_in_two() {
        let answers = [false, true].map(|in_two| {
            let mut world = World::new();
            world.record("a", start("x", NOW_MS - 700));
            if in_two {
                world.flush();
                assert_eq!(world.reader().running_count().unwrap(), 1);
                assert_eq!(world.reader().days(TODAY, TODAY).unwrap(), []);
            }
            world.record("a", stop_of("x", NOW_MS, 700, Status::Failure));
            world.flush();
            let reader = world.reader();
            assert_eq!(reader.running_count().unwrap(), 0);
            assert_eq!(reader.count().unwrap(), 1);
            let days = reader.days(TODAY, TODAY).unwrap();
            assert_eq!(days[0].tally.failure_count, 1);
            (
                reader.execution("a").unwrap().unwrap(),
                days,
                reader.agent_days("x", TODAY, TODAY).unwrap(),
                reader.cursor().unwrap().unwrap(),
            )
        });
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].3, Cursor::new("epoch", 2));
    }

    #[test]
    fn every_execution_is_there_once_as_it_is_now() {
        let (mut world, mut random) = (World::new(), Random(5));
        for _ in 0..30 {
            for _ in 0..random.below(30) {
                let id = format!("run-{}", random.below(200));
                world.record(&id, random.fact());
            }
            world.flush();
        }
        let reader = world.reader();
        assert_eq!(reader.count().unwrap(), world.executions.len() as u64);
        let ids: Vec<&str> = world.executions.keys().map(String::as_str).collect();
        let found = reader.find(&ids).unwrap();
        for (id, (_, execution)) in &world.executions {
            assert_eq!(&found[id], execution);
        }
    }

    #[test]
    fn a_flush_that_fails_leaves_nothing() {
        let mut world = World::new();
        world.record("a", stop_of("x", NOW_MS, 1, Status::Success));
        world.flush();
        let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON cursor
                      BEGIN SELECT RAISE(ABORT, 'refused'); END";
        let db = &world.history.db;
        db.read(|conn| conn.execute_batch(refuse)).unwrap();
        world.record("b", stop_of("x", NOW_MS, 1, Status::Success));
        let pending = std::mem::take(&mut world.pending);
        let cursor = Cursor::new("epoch", 2);
        let totals = world.totals(&pending);
        assert!(world.history.flush(&pending, &totals, &cursor).is_err());
        let reader = world.reader();
        assert_eq!(reader.cursor().unwrap(), Some(Cursor::new("epoch", 1)));
        assert_eq!(reader.count().unwrap(), 1);
        assert_eq!(
            reader.days(TODAY, TODAY).unwrap()[0].tally.execution_count,
            1
        );

        let db = &world.history.db;
        db.read(|conn| conn.execute_batch("DROP TRIGGER refuse"))
            .unwrap();
        world.history.flush(&pending, &totals, &cursor).unwrap();
        assert_eq!(reader.cursor().unwrap(), Some(cursor));
        assert_eq!(
            reader.days(TODAY, TODAY).unwrap()[0].tally.execution_count,
            2
        );
    }

    #[test]
    fn the_cursor_can_be_set() {
        let mut world = World::new();
        assert_eq!(world.history.cursor().unwrap(), None);
        for seq in [7, 3] {
            let cursor = Cursor::new("other", seq);
            world.history.set_cursor(&cursor).unwrap();
            assert_eq!(world.history.cursor().unwrap(), Some(cursor));
        }
    }
}
