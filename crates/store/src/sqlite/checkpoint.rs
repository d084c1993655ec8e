//! What keeps the write-ahead log short beside the writer.

use std::path::Path;

use super::{Db, READER_CACHE_KIB, Result};

/// Moves the write-ahead log into the database beside the writer, on a thread of its own.
pub struct Checkpointer {
    db: Db,
}

impl Checkpointer {
    pub fn open(path: &Path) -> Result<Checkpointer> {
        Ok(Checkpointer {
            db: Db::open(path, READER_CACHE_KIB)?,
        })
    }

    /// Does not wait. Returns how many frames (of one page each) are left in the log.
    pub fn checkpoint(&self) -> Result<u64> {
        self.db.read(|conn| {
            conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                let (frames, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
                Ok(frames.saturating_sub(moved).max(0) as u64)
            })
        })
    }
}
