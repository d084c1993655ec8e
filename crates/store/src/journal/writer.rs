//! The file as its one writer holds it: its epoch, the numbers that it gave, and its log.

use std::path::Path;

use rusqlite::Connection;

use super::epochs::epochs;
use super::schema::SCHEMA;
use crate::sqlite::{Db, Result};

/// The journal is appended to at one end and pruned at the other; more is not quicker.
const CACHE_KIB: u32 = 2 * 1024;

/// The writer's end of the journal. There is one.
pub struct Journal {
    pub(super) db: Db,
    epoch: String,
    past_epochs: Vec<String>,
    pub(super) last_seq: u64,
}

impl Journal {
    /// Makes the file if there is none.
    pub fn open(path: &Path) -> Result<Journal> {
        let mut db = Db::open_writer(path, SCHEMA, CACHE_KIB)?;
        let (mut past_epochs, last_seq) = db.write(|tx| {
            tx.execute(
                "INSERT INTO epochs (epoch) SELECT lower(hex(randomblob(8)))
                 WHERE NOT EXISTS (SELECT * FROM epochs)",
                [],
            )?;
            Ok((epochs(tx)?, last_seq(tx)?))
        })?;
        let epoch = past_epochs.pop().expect("one was just inserted");
        Ok(Journal {
            db,
            epoch,
            past_epochs,
            last_seq,
        })
    }

    /// Made at random with the file, so that two journals are never taken for one.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    pub fn past_epochs(&self) -> &[String] {
        &self.past_epochs
    }

    /// Remembers the epoch of a journal that this one takes the place of, so that a view that
    /// followed it is rebuilt and not refused as a stranger's.
    pub fn adopt_past_epoch(&mut self, epoch: &str) -> Result<()> {
        if epoch == self.epoch || self.past_epochs.iter().any(|past| past == epoch) {
            return Ok(());
        }
        self.db.write(|tx| {
            tx.execute(
                "INSERT INTO epochs (n, epoch) SELECT min(n) - 1, ?1 FROM epochs",
                [epoch],
            )
        })?;
        self.past_epochs.insert(0, epoch.to_owned());
        Ok(())
    }

    /// Takes a new epoch and remembers the present one: what is journalled from here on is not
    /// what once followed the same numbers.
    pub fn renew_epoch(&mut self) -> Result<()> {
        let mut epochs = self.db.write(|tx| {
            tx.execute(
                "INSERT INTO epochs (epoch) VALUES (lower(hex(randomblob(8))))",
                [],
            )?;
            epochs(tx)
        })?;
        self.epoch = epochs.pop().expect("one was just inserted");
        self.past_epochs = epochs;
        Ok(())
    }

    /// The highest number that was ever given, also when its row is gone.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// No number up to `seq` is given any more.
    pub fn raise_seq(&mut self, seq: u64) -> Result<()> {
        if seq <= self.last_seq {
            return Ok(());
        }
        self.db.write(|tx| {
            tx.execute(
                "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'journal'",
                [seq as i64],
            )
        })?;
        self.last_seq = seq;
        Ok(())
    }

    /// The size of the write-ahead log; see [`Journal::restart_wal`].
    pub fn wal_bytes(&self) -> u64 {
        self.db.wal_bytes()
    }

    /// Empties the write-ahead log; false when a reader or a checkpoint was in the way. Under a
    /// steady load the checkpoints beside the writer never catch up with it, and the log grows
    /// until the writer itself waits once.
    pub fn restart_wal(&self) -> Result<bool> {
        self.db.restart_wal()
    }
}

fn last_seq(conn: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'journal'";
    conn.query_row(sql, [], |row| Ok(row.get::<_, i64>(0)? as u64))
}
