//! The journal: accepted events with what they changed, in order, on the disk before they are
//! acknowledged. Both views follow it; what both no longer need is pruned.

mod deferred;
mod heartbeats;
mod marks;
mod prune;
mod schema;
mod tail;
mod tracked_names;
mod trial;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use crate::sqlite::{self, Db, Result, to_json};
use agentpulse_core::change::Change;
use agentpulse_core::names::TrackedName;
use agentpulse_core::turns::Turns;

pub use crate::sqlite::Error;
pub use deferred::{ALL_TURNS, Deferred};
pub use prune::Prune;
use prune::delete;
use schema::SCHEMA;
pub use tail::Tail;

/// Beyond twice what it adds, an append deletes this many rows: so that a commit stays short, and
/// a journal that grew while history stood still shrinks all the same.
const PRUNE_BESIDE_APPEND: usize = 1_000;

/// The journal is appended to at one end and pruned at the other; more was not quicker.
const CACHE_KIB: u32 = 8 * 1024;

/// Whether a file from elsewhere is a sound journal of this version or an older one; it is not
/// changed.
pub fn check(path: &Path) -> Result<()> {
    sqlite::check(path, SCHEMA)
}

/// The epochs of a journal of any version, the present one last; it is not brought to this one.
pub fn epochs_of(path: &Path) -> Result<Vec<String>> {
    sqlite::read(path, epochs)
}

/// What one commit keeps.
#[derive(Default)]
pub struct Entry<'a> {
    pub at_ms: i64,
    pub changes: &'a [Arc<Change>],
    pub tracked_names: &'a [TrackedName],
    pub turns: Vec<(&'a str, &'a Turns)>,
    pub session_ends: Vec<(&'a str, i64)>,
    /// Agents of which turns are to be restated later, and those of which that is done.
    pub deferred: Vec<(&'a str, Deferred)>,
    pub resumed: Vec<&'a str>,
    /// Executions that no longer run, and whose last heartbeat was kept.
    pub ended: Vec<&'a str>,
}

/// The writer's end of the journal. There is one.
pub struct Journal {
    db: Db,
    epoch: String,
    past_epochs: Vec<String>,
    last_seq: u64,
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

    /// Writes the changes under their own numbers, which follow [`Journal::last_seq`], together
    /// with the places that they gave to names, and prunes a little. After an error nothing of it
    /// is in the journal.
    pub fn append(&mut self, entry: &Entry, prune: &Prune) -> Result<()> {
        let changes = entry.changes;
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
            tracked_names::put(tx, entry.tracked_names)?;
            marks::put(tx, entry)?;
            deferred::put(tx, entry)?;
            heartbeats::forget(tx, &entry.ended)?;
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

fn epochs(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut select = conn.prepare("SELECT epoch FROM epochs ORDER BY n")?;
    let rows = select.query_map([], |row| row.get(0))?;
    rows.collect()
}

fn last_seq(conn: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'journal'";
    conn.query_row(sql, [], |row| Ok(row.get::<_, i64>(0)? as u64))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use agentpulse_core::bucket::Day;
    use agentpulse_core::execution::{Catalog, Execution, Fact, Origin, Start};
    use agentpulse_core::names::NameKind;

    pub const KEEP_ALL: Prune = Prune {
        history_seq: 0,
        keep_rows: 0,
        older_than_ms: 0,
    };

    pub fn entry(changes: &[Arc<Change>]) -> Entry<'_> {
        Entry {
            changes,
            ..Entry::default()
        }
    }

    /// Accepted at a millisecond for each number.
    pub fn changes(seqs: std::ops::RangeInclusive<u64>) -> Vec<Arc<Change>> {
        seqs.map(|seq| {
            let mut execution = Execution::new(format!("run-{seq}"));
            let start = Start {
                agent_name: "tester".to_owned(),
                agent_type: None,
                started_ms: seq as i64,
                task_description: Some("\"quoted\" \u{1f600}\n".to_owned()),
                tools_granted: vec!["Read".to_owned()],
                context_size: Some(7),
                origin: Origin::default(),
            };
            execution.merge(Fact::Start(Box::new(start)), &Catalog::default());
            Arc::new(Change::between(None, Arc::new(execution), seq, seq as i64))
        })
        .collect()
    }

    pub fn seqs(path: &Path) -> Vec<u64> {
        let tail = Tail::open(path).unwrap().read(0, usize::MAX >> 1).unwrap();
        tail.iter().map(|change| change.seq).collect()
    }

    #[test]
    fn the_tail_reads_what_was_appended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let mut journal = Journal::open(&path).unwrap();
        let tail = Tail::open(&path).unwrap();
        assert_eq!((tail.first_seq().unwrap(), tail.rows().unwrap()), (None, 0));
        let written = changes(1..=10);
        journal.append(&entry(&written), &KEEP_ALL).unwrap();
        assert_eq!(tail.read(0, 100).unwrap(), written);
        assert_eq!(tail.read(4, 3).unwrap(), written[4..7]);
        assert_eq!(tail.first_seq().unwrap(), Some(1));
        assert_eq!(tail.rows().unwrap(), 10);
    }

    #[test]
    fn a_number_is_not_given_again_when_all_rows_are_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let mut journal = Journal::open(&path).unwrap();
        journal.append(&entry(&changes(1..=5)), &KEEP_ALL).unwrap();
        let all = Prune {
            history_seq: 5,
            ..KEEP_ALL
        };
        assert_eq!(journal.prune(&all, 100).unwrap(), 5);
        drop(journal);
        let mut journal = Journal::open(&path).unwrap();
        assert!(seqs(&path).is_empty());
        assert_eq!(journal.last_seq(), 5);
        journal.raise_seq(40).unwrap();
        journal.raise_seq(7).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&path).unwrap().last_seq(), 40);
    }

    #[test]
    fn an_append_that_fails_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let mut journal = Journal::open(&path).unwrap();
        journal.append(&entry(&changes(1..=3)), &KEEP_ALL).unwrap();
        journal
            .db
            .read(|conn| conn.execute_batch("PRAGMA max_page_count = 8"))
            .unwrap();
        let many = changes(4..=1_000);
        let places = [TrackedName {
            day: Day(1),
            kind: NameKind::Agent,
            name: "b".into(),
            counted: true,
        }];
        let with_place = Entry {
            tracked_names: &places,
            ..entry(&many)
        };
        let error = journal.append(&with_place, &KEEP_ALL).unwrap_err();
        assert!(error.is_full(), "{error:?}");
        assert_eq!(journal.last_seq(), 3);
        assert_eq!(seqs(&path), [1, 2, 3]);
        assert_eq!(journal.tracked_names().unwrap(), []);
        journal
            .db
            .read(|conn| conn.execute_batch("PRAGMA max_page_count = 100000"))
            .unwrap();
        journal.append(&entry(&many), &KEEP_ALL).unwrap();
        assert_eq!(journal.last_seq(), 1_000);
    }

    #[test]
    fn the_epoch_stays_and_others_of_its_past_are_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let mut journal = Journal::open(&path).unwrap();
        let epoch = journal.epoch().to_owned();
        assert_eq!(epoch.len(), 16);
        for past in ["new", "old", "new", &epoch] {
            journal.adopt_past_epoch(past).unwrap();
        }
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.epoch(), epoch);
        assert_eq!(journal.past_epochs(), ["old", "new"]);
        let other = Journal::open(&dir.path().join("other.db")).unwrap();
        assert_ne!(other.epoch(), epoch);

        let mut journal = journal;
        journal.renew_epoch().unwrap();
        let renewed = journal.epoch().to_owned();
        assert_ne!(renewed, epoch);
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.epoch(), renewed);
        assert_eq!(journal.past_epochs(), ["old", "new", &epoch]);
    }
}
