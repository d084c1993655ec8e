//! One commit of the writer: what it adds, and the rows that it deletes beside that.

use std::sync::Arc;

use rusqlite::Connection;

use super::entry::Entry;
use super::prune::{Prune, delete};
use super::writer::Journal;
use super::{deferred, heartbeats, marks, tracked_names};
use crate::sqlite::{Result, to_json};
use agentpulse_core::change::Change;

/// Beyond twice what it adds, an append deletes this many rows: so that a commit stays short, and
/// a journal that grew while history stood still shrinks all the same.
const PRUNE_BESIDE_APPEND: usize = 1_000;

impl Journal {
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
}

fn insert(conn: &Connection, changes: &[Arc<Change>]) -> rusqlite::Result<()> {
    let mut insert =
        conn.prepare_cached("INSERT INTO journal (seq, at_ms, change) VALUES (?1, ?2, ?3)")?;
    for change in changes {
        insert.execute((change.seq as i64, change.accepted_ms, to_json(change)?))?;
    }
    Ok(())
}
