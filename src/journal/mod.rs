//! The journal: accepted events with what they changed, in order, on the disk before they are
//! acknowledged. Both views follow it; what both no longer need is pruned.

mod schema;
mod tail;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use crate::domain::change::Change;
use crate::domain::names::NameKind;
use crate::sqlite::{Db, Result, to_json};

pub use crate::sqlite::Error;
use schema::SCHEMA;
pub use tail::Tail;

/// Beyond twice what it adds, an append deletes this many rows: so that a commit stays short, and
/// a journal that grew while history stood still shrinks all the same.
const PRUNE_BESIDE_APPEND: usize = 1_000;

/// The writer's end of the journal. There is one.
pub struct Journal {
    db: Db,
    epoch: String,
    past_epochs: Vec<String>,
    last_seq: u64,
}

/// Which rows may go: those that history has committed and nobody holds (`seq <= history_seq`),
/// when they are beyond the last `keep_rows` or were accepted before `older_than_ms`. The oldest
/// go first, and none goes while an older one stays.
#[derive(Clone, Copy, Debug)]
pub struct Prune {
    pub history_seq: u64,
    pub keep_rows: u64,
    pub older_than_ms: i64,
}

impl Journal {
    /// Makes the file if there is none.
    pub fn open(path: &Path) -> Result<Journal> {
        let mut db = Db::open_writer(path, SCHEMA)?;
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

    /// The names that have a place in Redis.
    pub fn names(&self) -> Result<Vec<(NameKind, String)>> {
        self.db.read(|conn| {
            let mut names = Vec::new();
            for kind in NameKind::ALL {
                let mut select = conn.prepare("SELECT name FROM names WHERE kind = ?1")?;
                let rows = select.query_map([kind.as_str()], |row| row.get(0))?;
                for name in rows {
                    names.push((kind, name?));
                }
            }
            Ok(names)
        })
    }

    /// Writes the changes under their own numbers, which follow [`Journal::last_seq`], together
    /// with the names that they gave a place, and prunes a little. After an error nothing of it is
    /// in the journal.
    pub fn append(
        &mut self,
        changes: &[Arc<Change>],
        names: &[(NameKind, String)],
        prune: &Prune,
    ) -> Result<()> {
        let last_seq = changes.last().map_or(self.last_seq, |change| change.seq);
        debug_assert!(
            changes
                .first()
                .is_none_or(|change| change.seq > self.last_seq)
                && changes.is_sorted_by(|a, b| a.seq < b.seq),
            "a number is given once"
        );
        let max_pruned = 2 * changes.len() + PRUNE_BESIDE_APPEND;
        self.db.write(|tx| {
            insert(tx, changes)?;
            insert_names(tx, names)?;
            delete(tx, prune, last_seq, max_pruned)
        })?;
        self.last_seq = last_seq;
        Ok(())
    }

    /// Deletes at most `max_rows` rows that may go, and says how many went.
    pub fn prune(&mut self, prune: &Prune, max_rows: usize) -> Result<usize> {
        let last_seq = self.last_seq;
        self.db.write(|tx| delete(tx, prune, last_seq, max_rows))
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

fn insert(conn: &Connection, changes: &[Arc<Change>]) -> rusqlite::Result<()> {
    let mut insert =
        conn.prepare_cached("INSERT INTO journal (seq, at_ms, change) VALUES (?1, ?2, ?3)")?;
    for change in changes {
        insert.execute((change.seq as i64, change.accepted_ms, to_json(change)?))?;
    }
    Ok(())
}

fn insert_names(conn: &Connection, names: &[(NameKind, String)]) -> rusqlite::Result<()> {
    let mut insert =
        conn.prepare_cached("INSERT OR IGNORE INTO names (kind, name) VALUES (?1, ?2)")?;
    for (kind, name) in names {
        insert.execute((kind.as_str(), name))?;
    }
    Ok(())
}

/// Looks at no more rows than it may delete, whatever the clock did when they were accepted.
fn delete(
    conn: &Connection,
    prune: &Prune,
    last_seq: u64,
    max_rows: usize,
) -> rusqlite::Result<usize> {
    let beyond_seq = last_seq.saturating_sub(prune.keep_rows);
    let mut select = conn
        .prepare_cached("SELECT seq, at_ms FROM journal WHERE seq <= ?1 ORDER BY seq LIMIT ?2")?;
    let mut rows = select.query((prune.history_seq as i64, max_rows as i64))?;
    let mut last_to_go = None;
    while let Some(row) = rows.next()? {
        let (seq, at_ms): (i64, i64) = (row.get(0)?, row.get(1)?);
        if seq as u64 > beyond_seq && at_ms >= prune.older_than_ms {
            break;
        }
        last_to_go = Some(seq);
    }
    match last_to_go {
        None => Ok(0),
        Some(seq) => conn
            .prepare_cached("DELETE FROM journal WHERE seq <= ?1")?
            .execute([seq]),
    }
}

fn epochs(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut select = conn.prepare("SELECT epoch FROM epochs ORDER BY n")?;
    let rows = select.query_map([], |row| row.get(0))?;
    rows.collect()
}

fn last_seq(conn: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'journal'";
    conn.query_row(sql, [], |row| Ok(row.get::<_, i64>(0)? as u64))
}
