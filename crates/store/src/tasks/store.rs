//! The file, and its transactions.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::schema::SCHEMA;
use crate::sqlite::{Db, Error, Result};
use agentpulse_tasks::refusal::Refusal;

const CACHE_KIB: u32 = 2_048;
const MAX_WAL_BYTES: u64 = 4 << 20;
/// 32 random bits.
const NEW_EPOCH: &str = "VALUES (1, lower(hex(randomblob(4))))";

/// Why an operation was not applied.
#[derive(Debug)]
pub enum Unapplied {
    Refused(Refusal),
    /// The disk.
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Unapplied {
    fn from(error: rusqlite::Error) -> Unapplied {
        Unapplied::Failed(error)
    }
}

impl From<Refusal> for Unapplied {
    fn from(refusal: Refusal) -> Unapplied {
        Unapplied::Refused(refusal)
    }
}

pub struct Store {
    db: Db,
    epoch: String,
}

/// The tables, within a transaction or to read.
pub struct Tables<'c> {
    pub(super) conn: &'c Connection,
    pub epoch: &'c str,
}

impl Store {
    /// Makes the file if there is none.
    pub fn open(path: &Path) -> Result<Store> {
        let mut db = Db::open_writer(path, SCHEMA, CACHE_KIB)?;
        let epoch = db.write(|tx| {
            tx.execute(&format!("INSERT OR IGNORE INTO epoch {NEW_EPOCH}"), [])?;
            tx.query_row("SELECT epoch FROM epoch", [], |row| row.get(0))
        })?;
        Ok(Store { db, epoch })
    }

    /// Of a file that was restored: tokens that were given since are of no claim in it.
    pub fn renew(path: &Path) -> Result<()> {
        let mut db = Db::open_writer(path, SCHEMA, CACHE_KIB)?;
        db.write(|tx| tx.execute(&format!("INSERT OR REPLACE INTO epoch {NEW_EPOCH}"), []))?;
        Ok(())
    }

    /// For a reader beside the one that writes.
    pub fn open_to_read(path: &Path) -> Result<Store> {
        let db = Db::open_reader(path, SCHEMA)?;
        let select = |conn: &Connection| {
            conn.query_row("SELECT epoch FROM epoch", [], |row| row.get(0))
                .optional()
        };
        let epoch: Option<String> = db.read(select)?;
        let epoch = epoch.unwrap_or_default();
        Ok(Store { db, epoch })
    }

    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// All that is applied is on the disk afterwards, or nothing of it.
    pub fn write<T>(&mut self, work: impl FnOnce(&Tables) -> rusqlite::Result<T>) -> Result<T> {
        let epoch = &self.epoch;
        let done = self.db.write(|tx| work(&Tables { conn: tx, epoch }))?;
        if self.db.wal_bytes() > MAX_WAL_BYTES {
            self.db.restart_wal()?;
        }
        Ok(done)
    }

    /// All that is read is of one moment.
    pub fn read<T>(&self, work: impl FnOnce(&Tables) -> rusqlite::Result<T>) -> Result<T> {
        let epoch = &self.epoch;
        self.db.snapshot(|conn| {
            let read = work(&Tables { conn, epoch });
            read.map_err(|error| self.db.error(error))
        })
    }

    /// What the disk said, with the name of the file.
    pub fn error(&self, error: rusqlite::Error) -> Error {
        self.db.error(error)
    }
}

impl Tables<'_> {
    /// An operation: what it did is undone if it ends with an error.
    pub fn attempt<T>(
        &self,
        work: impl FnOnce(&Tables) -> std::result::Result<T, Unapplied>,
    ) -> std::result::Result<T, Unapplied> {
        self.conn.execute_batch("SAVEPOINT operation")?;
        let done = work(self);
        let end = match done {
            Ok(_) => "RELEASE operation",
            Err(_) => "ROLLBACK TO operation; RELEASE operation",
        };
        self.conn.execute_batch(end)?;
        done
    }
}
