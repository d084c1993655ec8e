//! What the views still have to apply, read beside the writer.

use std::path::Path;
use std::sync::Arc;

use crate::sqlite::{Db, Result, from_json};
use agentpulse_core::change::Change;

use super::epochs::epochs;
use super::schema::SCHEMA;

/// What is read at once: eight thousand changes of the usual kind have half of it, and as many of
/// the largest would have 4 GB.
pub const MAX_BYTES: usize = 32 << 20;

pub struct Tail {
    db: Db,
}

impl Tail {
    pub fn open(path: &Path) -> Result<Tail> {
        Ok(Tail {
            db: Db::open_reader(path, SCHEMA)?,
        })
    }

    /// The first changes after `after`, in their order: at most `max_rows`, and no more once they
    /// have `MAX_BYTES`.
    pub fn read(&self, after: u64, max_rows: usize) -> Result<Vec<Arc<Change>>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT seq, change FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )?;
            let mut rows = select.query((after as i64, max_rows as i64))?;
            let mut changes = Vec::new();
            let mut bytes = 0;
            while bytes < MAX_BYTES
                && let Some(row) = rows.next()?
            {
                bytes += row.get_ref(1)?.as_bytes()?.len();
                let mut change: Change = from_json(row, 1)?;
                change.seq = row.get::<_, i64>(0)? as u64;
                changes.push(Arc::new(change));
            }
            Ok(changes)
        })
    }

    /// Whether everything after `seq` is here, up to `last_seq`, the last number that was given.
    pub fn continues(&self, seq: u64, last_seq: u64) -> Result<bool> {
        Ok(match self.read(seq, 1)?.first() {
            Some(next) => next.seq == seq + 1,
            None => last_seq == seq,
        })
    }

    /// When the last change was taken, in milliseconds since 1970, while it is here.
    pub fn last_ms(&self) -> Result<Option<i64>> {
        self.db.read(|conn| {
            let mut select = conn.prepare("SELECT at_ms FROM journal ORDER BY seq DESC LIMIT 1")?;
            let mut rows = select.query([])?;
            rows.next()?.map(|row| row.get(0)).transpose()
        })
    }

    /// Those of the past, and last the present one.
    pub fn epochs(&self) -> Result<Vec<String>> {
        self.db.read(epochs)
    }

    /// The oldest change that is still here.
    pub fn first_seq(&self) -> Result<Option<u64>> {
        Ok(self.ends()?.map(|(first, _)| first))
    }

    /// How many changes are here. Numbers that were skipped in between count as well: to count
    /// the rows themselves would read the whole file.
    pub fn rows(&self) -> Result<u64> {
        Ok(self.ends()?.map_or(0, |(first, last)| last - first + 1))
    }

    fn ends(&self) -> Result<Option<(u64, u64)>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT (SELECT min(seq) FROM journal), (SELECT max(seq) FROM journal)",
            )?;
            select.query_row([], |row| {
                let ends: (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
                Ok(ends.0.zip(ends.1).map(|(a, b)| (a as u64, b as u64)))
            })
        })
    }
}
