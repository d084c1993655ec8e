//! The readers of history. One connection each; a rebuild and a report read beside the flusher.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, InterruptHandle, Row};
use xxhash_rust::xxh3::xxh3_64;

use crate::sqlite::{Db, Result, from_json};
use agentpulse_core::cursor::Cursor;
use agentpulse_core::dimension::Dimension;
use agentpulse_core::execution::Execution;
use agentpulse_core::zone::{Calendar, Zone};

use super::columns::of;
use super::only::Chosen;
use super::schema::SCHEMA;
use super::zone::{Recorded, calendar, recorded};

pub struct Reader {
    pub(super) db: Db,
    calendar: Calendar,
    pub(super) chosen: Chosen,
}

impl Reader {
    /// The file must be there: [`super::History::open`] makes it.
    pub fn open(path: &Path) -> Result<Reader> {
        let db = Db::open_reader(path, SCHEMA)?;
        let calendar = db.read(calendar)?;
        Ok(Reader {
            db,
            calendar,
            chosen: Chosen::default(),
        })
    }

    /// Of the days, as they were when the file was opened: no daemon changes it while it runs.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    pub fn zone(&self) -> &Zone {
        &self.calendar.zone
    }

    /// As [`History::recorded_zone`](super::History::recorded_zone).
    pub fn recorded_zone(&self) -> Result<Option<Recorded>> {
        self.db.read(recorded)
    }

    /// Everything that `f` reads is of one moment, the cursor included.
    pub fn snapshot<T>(&self, f: impl FnOnce(&Reader) -> Result<T>) -> Result<T> {
        self.db.snapshot(|_| f(self))
    }

    pub fn cursor(&self) -> Result<Option<Cursor>> {
        self.db.read(cursor)
    }

    /// Those of the executions that are known, by id.
    ///
    /// They are looked up in the order of the index and in one read transaction: most ids are new,
    /// and for those the locks of a transaction of their own cost more than the look.
    pub fn find(&self, ids: &[&str]) -> Result<HashMap<String, Arc<Execution>>> {
        let mut sorted: Vec<(i64, &str)> = ids.iter().map(|&id| (id_hash(id), id)).collect();
        sorted.sort_unstable();
        sorted.dedup();
        self.db.snapshot(|_| {
            self.db.read(|conn| {
                let mut found = HashMap::new();
                let mut select = conn.prepare_cached(
                    "SELECT id, execution FROM executions INDEXED BY executions_hash
                     WHERE id_hash = ?1",
                )?;
                for (hash, id) in sorted {
                    let mut rows = select.query([hash])?;
                    while let Some(row) = rows.next()? {
                        // Another id may have the same hash.
                        if row.get_ref(0)?.as_str()? == id {
                            found.insert(id.to_owned(), execution(row, 1)?);
                        }
                    }
                }
                Ok(found)
            })
        })
    }

    pub fn execution(&self, id: &str) -> Result<Option<Arc<Execution>>> {
        Ok(self.find(&[id])?.remove(id))
    }

    /// Each that runs, one at a time: all of them may take more memory than there is.
    pub fn each_running(&self, mut f: impl FnMut(Execution)) -> Result<()> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT execution FROM executions INDEXED BY executions_running
                 WHERE ended_ms IS NULL AND status IS NULL",
            )?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                f(from_json(row, 0)?);
            }
            Ok(())
        })
    }

    /// The ids of those that run.
    pub fn running_ids(&self) -> Result<BTreeSet<String>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT id FROM executions INDEXED BY executions_running
                 WHERE ended_ms IS NULL AND status IS NULL",
            )?;
            let rows = select.query_map([], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Those whose transcripts have still to be read, at most `max`, the oldest ends first.
    pub fn unread(&self, max: usize) -> Result<Vec<String>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT id FROM executions INDEXED BY executions_unread
                 WHERE is_unread = 1 ORDER BY ended_ms LIMIT ?1",
            )?;
            let rows = select.query_map([max as i64], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Whether any execution of the agent is known, running or ended.
    pub fn has_agent(&self, agent_name: &str) -> Result<bool> {
        self.db.read(|conn| {
            conn.prepare_cached(&format!(
                "SELECT EXISTS (SELECT * FROM tallies INDEXED BY tallies_by_key
                                WHERE {} AND key = ?1)
                     OR EXISTS (SELECT * FROM executions INDEXED BY executions_running
                                WHERE agent_name = ?1 AND ended_ms IS NULL
                                    AND status IS NULL)",
                of(Dimension::Agent)
            ))?
            .query_row([agent_name], |row| row.get(0))
        })
    }

    /// About how many executions are kept: exact while none was pruned. To count them would read
    /// an index of all.
    pub fn count(&self) -> Result<u64> {
        self.db.read(|conn| {
            conn.prepare_cached(
                "SELECT ifnull((SELECT max(rowid) FROM executions)
                             - (SELECT min(rowid) FROM executions) + 1, 0)",
            )?
            .query_row([], |row| Ok(row.get::<_, i64>(0)? as u64))
        })
    }

    pub(super) fn interrupt_handle(&self) -> InterruptHandle {
        self.db.interrupt_handle()
    }
}

pub(super) fn id_hash(id: &str) -> i64 {
    xxh3_64(id.as_bytes()) as i64
}

pub(super) fn cursor(conn: &Connection) -> rusqlite::Result<Option<Cursor>> {
    let mut select = conn.prepare_cached("SELECT epoch, seq FROM cursor")?;
    let mut rows = select.query([])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Cursor {
        epoch: row.get(0)?,
        seq: row.get::<_, i64>(1)? as u64,
    }))
}

/// The executions in the given rows, in that order.
pub(super) fn by_rowid(
    conn: &Connection,
    rowids: impl IntoIterator<Item = i64>,
) -> rusqlite::Result<Vec<Arc<Execution>>> {
    let mut select = conn.prepare_cached("SELECT execution FROM executions WHERE rowid = ?1")?;
    rowids
        .into_iter()
        .map(|rowid| select.query_row([rowid], |row| execution(row, 0)))
        .collect()
}

pub(super) fn execution(row: &Row, column: usize) -> rusqlite::Result<Arc<Execution>> {
    from_json(row, column).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW_MS, World, start, stop_of};
    use super::*;
    use agentpulse_core::execution::Status;

    fn running(reader: &Reader) -> Vec<Execution> {
        let mut running = Vec::new();
        reader.each_running(|run| running.push(run)).unwrap();
        running
    }

    #[test]
    fn an_unknown_id_is_not_found() {
        let mut world = World::new();
        for i in 0..600 {
            world.record(&format!("run-{i}"), start("x", NOW_MS));
        }
        world.flush();
        let ids: Vec<String> = (300..900).map(|i| format!("run-{i}")).collect();
        let ids: Vec<&str> = ids.iter().chain(&ids[..5]).map(String::as_str).collect();
        let found = world.reader().find(&ids).unwrap();
        assert_eq!(found.len(), 300);
        assert!(found.iter().all(|(id, execution)| *id == execution.id));
        assert_eq!(world.reader().execution("run-600").unwrap(), None);
    }

    #[test]
    fn a_run_of_which_nothing_is_left_does_not_run() {
        let mut world = World::new();
        for id in ["a", "b", "c"] {
            world.record(id, start("x", NOW_MS));
        }
        world.record("c", stop_of("x", NOW_MS, 1, Status::Success));
        world.flush();
        world.detach_turn("b");
        world.detach_turn("c");
        world.detach_turn("d");
        world.flush();
        let reader = world.reader();
        assert_eq!(reader.running_ids().unwrap(), ["a".to_owned()].into());
        assert_eq!(reader.running_count().unwrap(), 1);
        assert_eq!(running(&reader).len(), 1);
        let by_type = reader.totals().unwrap().running;
        assert_eq!(by_type.iter().map(|(_, count)| count).sum::<i64>(), 1);
        assert!(reader.execution("b").unwrap().unwrap().is_void());
        world.record("b", start("x", NOW_MS));
        world.flush();
        assert_eq!(reader.running_count().unwrap(), 2);
    }

    #[test]
    fn ids_with_the_same_hash_are_told_apart() {
        let mut world = World::new();
        world.record("a", start("x", NOW_MS));
        world.record("b", start("y", NOW_MS));
        world.flush();
        let collide = "UPDATE executions SET id_hash = ?1";
        let db = &world.history.db;
        db.read(|conn| conn.execute(collide, [id_hash("b")]))
            .unwrap();
        let reader = world.reader();
        assert_eq!(reader.execution("b").unwrap().unwrap().agent_name(), "y");
        assert_eq!(reader.execution("a").unwrap(), None);
        world.record("b", stop_of("z", NOW_MS, 1, Status::Success));
        world.flush();
        assert_eq!(reader.execution("b").unwrap().unwrap().agent_name(), "z");
        assert_eq!(running(&reader)[0].agent_name(), "x");
    }

    #[test]
    fn a_snapshot_is_of_one_moment() {
        let mut world = World::new();
        world.record("a", start("x", NOW_MS));
        world.flush();
        let reader = world.reader();
        reader
            .snapshot(|reader| {
                let cursor = reader.cursor()?;
                world.record("b", start("y", NOW_MS));
                world.flush();
                assert_eq!(reader.cursor()?, cursor);
                assert_eq!(running(reader).len(), 1);
                assert_eq!(reader.execution("b")?, None);
                assert!(!reader.has_agent("y")?);
                Ok(())
            })
            .unwrap();
        assert_eq!(running(&reader).len(), 2);
        assert!(reader.has_agent("y").unwrap());
    }

    #[test]
    fn an_agent_is_known_while_it_runs_and_after() {
        let mut world = World::new();
        world.record("a", start("x", NOW_MS));
        world.flush();
        let reader = world.reader();
        assert!(reader.has_agent("x").unwrap());
        world.record("a", stop_of("y", NOW_MS, 1, Status::Success));
        world.flush();
        assert!(reader.has_agent("y").unwrap());
        assert!(
            !reader.has_agent("x").unwrap(),
            "its stop said another name"
        );
    }

    #[test]
    fn a_row_that_cannot_be_read_is_damage() {
        let mut world = World::new();
        world.record("a", start("x", NOW_MS));
        world.flush();
        let damage = "UPDATE executions SET execution = '{'";
        let db = &world.history.db;
        db.read(|conn| conn.execute(damage, [])).unwrap();
        let error = world.reader().execution("a").unwrap_err();
        assert!(error.is_corrupt(), "{error:?}");
    }
}
