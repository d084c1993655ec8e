//! Turns that are still to be restated, where all of them in one commit would take too much memory:
//! kept in the commit that defers them, so that a kill forgets none.

use rusqlite::{Connection, Row};

use super::entry::{Deferred, Entry};
use super::writer::Journal;
use crate::sqlite::Result;

impl Journal {
    /// At most `max` agents.
    pub fn deferred(&self, max: usize) -> Result<Vec<(String, Deferred)>> {
        self.db.read(|conn| {
            let mut select = conn
                .prepare_cached("SELECT agent_id, up_to, descends FROM deferred_turns LIMIT ?1")?;
            let read = |row: &Row| {
                let deferred = Deferred {
                    up_to: row.get::<_, u32>(1)? as usize,
                    descends: row.get(2)?,
                };
                Ok((row.get(0)?, deferred))
            };
            let rows = select.query_map([max as i64], read)?;
            rows.collect()
        })
    }
}

/// What was resumed goes first: some of it may be deferred once more.
pub(super) fn put(conn: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    let mut delete = conn.prepare_cached("DELETE FROM deferred_turns WHERE agent_id = ?1")?;
    for agent_id in &entry.resumed {
        delete.execute([agent_id])?;
    }
    let mut put = conn.prepare_cached(
        "INSERT INTO deferred_turns (agent_id, up_to, descends) VALUES (?1, ?2, ?3)
         ON CONFLICT (agent_id) DO UPDATE SET
             up_to = max(up_to, excluded.up_to), descends = max(descends, excluded.descends)",
    )?;
    for (agent_id, deferred) in &entry.deferred {
        put.execute((agent_id, deferred.up_to as i64, deferred.descends))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::entry::ALL_TURNS;
    use super::super::tests::KEEP_ALL;
    use super::*;

    #[test]
    fn deferring_twice_keeps_the_most_of_both_until_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&dir.path().join("journal.db")).unwrap();
        let mut append = |resumed: &[&'static str], deferred: &[(&'static str, usize, bool)]| {
            let deferred = deferred.iter().map(|&(id, up_to, descends)| {
                let deferred = Deferred { up_to, descends };
                (id, deferred)
            });
            let entry = Entry {
                resumed: resumed.to_vec(),
                deferred: deferred.collect(),
                ..Entry::default()
            };
            journal.append(&entry, &KEEP_ALL).unwrap();
            let rows = journal.deferred(9).unwrap().into_iter();
            rows.map(|(id, row)| (id, row.up_to, row.descends))
                .collect::<Vec<_>>()
        };
        append(&[], &[("a", 7, false), ("b", ALL_TURNS, true)]);
        let rows = append(&[], &[("a", 3, true), ("b", 1, false)]);
        let all = [("a".to_owned(), 7, true), ("b".to_owned(), ALL_TURNS, true)];
        assert_eq!(rows, all);
        let rows = append(&["b", "a"], &[("b", 2, false)]);
        assert_eq!(rows, [("b".to_owned(), 2, false)]);
        assert_eq!(append(&["b"], &[]), []);
    }
}
