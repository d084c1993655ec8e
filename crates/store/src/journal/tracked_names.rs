//! The names that have a place in Redis, by day.

use rusqlite::Connection;

use super::writer::Journal;
use crate::sqlite::Result;
use agentpulse_core::bucket::Day;
use agentpulse_core::names::{NameKind, TrackedName};

impl Journal {
    /// All that are kept, oldest day first.
    pub fn tracked_names(&self) -> Result<Vec<TrackedName>> {
        self.db.read(|conn| {
            let mut tracked_names = Vec::new();
            for kind in NameKind::ALL {
                let mut select = conn.prepare(
                    "SELECT day, name, counted FROM places WHERE kind = ?1 ORDER BY day, name",
                )?;
                let rows = select.query_map([kind.as_str()], |row| {
                    Ok(TrackedName {
                        day: Day(row.get(0)?),
                        kind,
                        name: row.get::<_, String>(1)?.into(),
                        counted: row.get(2)?,
                    })
                })?;
                for tracked in rows {
                    tracked_names.push(tracked?);
                }
            }
            Ok(tracked_names)
        })
    }

    /// The names to which an older version gave a place on all days.
    pub fn old_names(&self) -> Result<Vec<(NameKind, String)>> {
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

    /// Puts these places in the place of what an older version had.
    pub fn take_over(&mut self, tracked_names: &[TrackedName]) -> Result<()> {
        self.db.write(|tx| {
            put(tx, tracked_names)?;
            tx.execute("DELETE FROM names", [])
        })?;
        Ok(())
    }

    /// Forgets the places of days before `first`.
    pub fn forget_tracked_names(&mut self, first: Day) -> Result<()> {
        self.db
            .write(|tx| tx.execute("DELETE FROM places WHERE day < ?1", [first.0]))?;
        Ok(())
    }
}

pub(super) fn put(conn: &Connection, tracked_names: &[TrackedName]) -> rusqlite::Result<()> {
    let mut put = conn.prepare_cached(
        "INSERT OR REPLACE INTO places (day, kind, name, counted) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for tracked in tracked_names {
        put.execute((
            tracked.day.0,
            tracked.kind.as_str(),
            &*tracked.name,
            tracked.counted,
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::entry::Entry;
    use super::super::tests::KEEP_ALL;
    use super::*;

    fn tracked(day: i32, kind: NameKind, name: &str, counted: bool) -> TrackedName {
        TrackedName {
            day: Day(day),
            kind,
            name: name.into(),
            counted,
        }
    }

    #[test]
    fn a_place_is_kept_once_as_it_is_now() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let mut journal = Journal::open(&path).unwrap();
        let mut append = |tracked_names: &[TrackedName]| {
            let entry = Entry {
                tracked_names,
                ..Entry::default()
            };
            journal.append(&entry, &KEEP_ALL).unwrap();
        };
        let all = [
            tracked(1, NameKind::Agent, "a", true),
            tracked(2, NameKind::Agent, "a", true),
            tracked(2, NameKind::Tool, "a", true),
        ];
        append(&[tracked(2, NameKind::Agent, "a", false), all[0].clone()]);
        append(&all);
        drop(journal);
        let mut journal = Journal::open(&path).unwrap();
        assert_eq!(journal.tracked_names().unwrap(), all);
        journal.forget_tracked_names(Day(2)).unwrap();
        assert_eq!(journal.tracked_names().unwrap(), all[1..]);
    }

    #[test]
    fn names_of_an_older_version_are_read_until_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let mut journal = Journal::open(&path).unwrap();
        journal
            .db
            .read(|conn| conn.execute("INSERT INTO names VALUES ('tool', 'Read')", []))
            .unwrap();
        let old = [(NameKind::Tool, "Read".to_owned())];
        assert_eq!(journal.old_names().unwrap(), old);
        let tracked_names = [tracked(7, NameKind::Tool, "Read", true)];
        journal.take_over(&tracked_names).unwrap();
        assert_eq!(journal.old_names().unwrap(), []);
        assert_eq!(journal.tracked_names().unwrap(), tracked_names);
    }
}
