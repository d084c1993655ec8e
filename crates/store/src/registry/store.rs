//! Definitions and their versions.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{OptionalExtension, Row, params};

use super::schema::SCHEMA;
use crate::sqlite::{Db, Result};
use agentpulse_core::bucket::DAY_MS;

/// A definition is changed a few times a day.
const CACHE_KIB: u32 = 256;
const MAX_WAL_BYTES: u64 = 1 << 20;
/// As long as executions are kept by default.
const KEPT_MS: i64 = 400 * DAY_MS;
/// Of one definition, the newest.
const MAX_VERSIONS: usize = 200;
/// Of all definitions: without it a program that edits thousands of them again and again would
/// fill the disk.
const MAX_BYTES: i64 = 256 << 20;
/// Of the versions that have ended, so many go at once where there are too many.
const SHARE_CUT: i64 = 10;
/// Of one name, the newest.
const MAX_READ: usize = 1_000;

/// A definition that the client loads, as a scan found it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub agent_id: String,
    pub run_name: String,
    /// As it is shown: the home folder is `~`.
    pub path: String,
    pub version: String,
    /// What the definition says, as JSON.
    pub config: String,
    /// When its file came to have these bytes, as far as the file system knows.
    pub changed_ms: i64,
}

/// The version of each definition that the client loads, by its `agent_id`.
pub type InForce = HashMap<String, String>;

/// A definition, from one moment to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub agent_id: String,
    pub from_ms: i64,
    /// None: still.
    pub until_ms: Option<i64>,
    pub version: String,
    pub config: String,
}

pub struct Store {
    db: Db,
}

impl Store {
    /// Makes the file if there is none.
    pub fn open(path: &Path) -> Result<Store> {
        let db = Db::open_writer(path, SCHEMA, CACHE_KIB)?;
        Ok(Store { db })
    }

    pub fn open_to_read(path: &Path) -> Result<Store> {
        let db = Db::open_reader(path, SCHEMA)?;
        Ok(Store { db })
    }

    pub fn in_force(&self) -> Result<InForce> {
        self.db.read(|conn| {
            let mut select =
                conn.prepare("SELECT agent_id, version FROM versions WHERE until_ms IS NULL")?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    /// Ends the versions of these agents, then begins those that were found.
    pub fn record(&mut self, ended: &[String], found: &[Found], now_ms: i64) -> Result<()> {
        self.db.write(|tx| {
            let mut end = tx.prepare_cached(
                "UPDATE versions SET until_ms = max(?2, from_ms)
                 WHERE agent_id = ?1 AND until_ms IS NULL",
            )?;
            let mut gone =
                tx.prepare_cached("UPDATE definitions SET gone_ms = ?2 WHERE agent_id = ?1")?;
            for id in ended {
                end.execute((id, now_ms))?;
                gone.execute((id, now_ms))?;
            }
            let mut last =
                tx.prepare_cached("SELECT max(from_ms) FROM versions WHERE agent_id = ?1")?;
            let mut define = tx.prepare_cached(
                "INSERT INTO definitions (agent_id, run_name, path, created_ms)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET path = excluded.path, gone_ms = NULL",
            )?;
            let mut begin = tx.prepare_cached(
                "INSERT INTO versions (agent_id, from_ms, version, config)
                 VALUES (?1, ?2, ?3, ?4)",
            )?;
            let mut cut = tx.prepare_cached(
                "DELETE FROM versions WHERE agent_id = ?1 AND from_ms <=
                     (SELECT from_ms FROM versions WHERE agent_id = ?1
                      ORDER BY from_ms DESC LIMIT 1 OFFSET ?2)",
            )?;
            for one in found {
                let last: Option<i64> = last.query_row([&one.agent_id], |row| row.get(0))?;
                let from_ms = begins(one.changed_ms, last, now_ms);
                end.execute(params![one.agent_id, from_ms])?;
                define.execute(params![one.agent_id, one.run_name, one.path, from_ms])?;
                begin.execute(params![one.agent_id, from_ms, one.version, one.config])?;
                cut.execute((&one.agent_id, MAX_VERSIONS as i64))?;
            }
            Ok(())
        })?;
        self.make_room(MAX_BYTES)?;
        if self.db.wal_bytes() > MAX_WAL_BYTES {
            self.db.restart_wal()?;
        }
        Ok(())
    }

    /// Deletes the versions that ended first while all take more than so many bytes.
    pub(super) fn make_room(&mut self, max_bytes: i64) -> Result<()> {
        while self.used_bytes()? > max_bytes {
            let deleted = self.db.write(|tx| {
                tx.execute(
                    "DELETE FROM versions WHERE until_ms <=
                         (SELECT until_ms FROM versions WHERE until_ms IS NOT NULL
                          ORDER BY until_ms LIMIT 1 OFFSET
                              (SELECT count(*) / ?1 FROM versions WHERE until_ms IS NOT NULL))",
                    [SHARE_CUT],
                )
            })?;
            if deleted == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Without the pages that are free, which the next versions take.
    pub(super) fn used_bytes(&self) -> Result<i64> {
        self.db.read(|conn| {
            conn.query_row(
                "SELECT (page_count - freelist_count) * page_size
                 FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
                [],
                |row| row.get(0),
            )
        })
    }

    /// Versions of all definitions of this name, the oldest first.
    pub fn versions(&self, run_name: &str) -> Result<Vec<Version>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT agent_id, from_ms, until_ms, version, config FROM versions
                 WHERE agent_id IN (SELECT agent_id FROM definitions WHERE run_name = ?1)
                 ORDER BY from_ms DESC, agent_id LIMIT ?2",
            )?;
            let rows = select.query_map((run_name, MAX_READ as i64), version_of)?;
            let mut versions = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            versions.reverse();
            Ok(versions)
        })
    }

    /// When the first version of each of these began that is known.
    pub fn created_ms<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<HashMap<String, i64>> {
        self.db.read(|conn| {
            let mut select =
                conn.prepare_cached("SELECT created_ms FROM definitions WHERE agent_id = ?1")?;
            let mut created = HashMap::new();
            for id in ids {
                let at = select.query_row([id], |row| row.get(0)).optional()?;
                created.extend(at.map(|at: i64| (id.to_owned(), at)));
            }
            Ok(created)
        })
    }

    /// When the last version of a definition of this name ended; None while one is in force.
    pub fn ended_ms(&self, run_name: &str) -> Result<Option<i64>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT max(until_ms) FROM versions
                 WHERE agent_id IN (SELECT agent_id FROM definitions WHERE run_name = ?1)
                 HAVING count(*) = count(until_ms)",
            )?;
            let ended = select.query_row([run_name], |row| row.get(0)).optional()?;
            Ok(ended.flatten())
        })
    }

    /// Deletes what ended long ago, and returns how many versions.
    pub fn prune(&mut self, now_ms: i64) -> Result<usize> {
        self.db.write(|tx| {
            let before = now_ms - KEPT_MS;
            let deleted = tx.execute("DELETE FROM versions WHERE until_ms < ?1", [before])?;
            tx.execute("DELETE FROM definitions WHERE gone_ms < ?1", [before])?;
            Ok(deleted)
        })
    }
}

/// A file that was moved into its place has the times of its making, not of the move.
fn begins(changed_ms: i64, last_ms: Option<i64>, now_ms: i64) -> i64 {
    let after = last_ms.map_or(0, |last| last + 1);
    match (after..=now_ms).contains(&changed_ms) {
        true => changed_ms,
        // The clock was set back.
        false => now_ms.max(after),
    }
}

fn version_of(row: &Row) -> rusqlite::Result<Version> {
    Ok(Version {
        agent_id: row.get(0)?,
        from_ms: row.get(1)?,
        until_ms: row.get(2)?,
        version: row.get(3)?,
        config: row.get(4)?,
    })
}
