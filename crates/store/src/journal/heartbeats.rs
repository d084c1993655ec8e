//! The last heartbeats of what runs, and how long the daemon has listened: so that a restart is
//! no heartbeat. Rows are few: one for each execution that runs for some seconds already.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::writer::Journal;
use crate::sqlite::{Result, from_json, to_json};
use agentpulse_core::last_heartbeat::{KeptHeartbeats, LastHeartbeat};

impl Journal {
    pub fn kept_heartbeats(&self) -> Result<KeptHeartbeats> {
        self.db.read(|conn| {
            let mut select = conn.prepare("SELECT id, sign FROM last_signs")?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, from_json(row, 1)?)))?;
            let select = "SELECT is_whole FROM listened";
            let is_whole: Option<bool> = conn.query_row(select, [], |row| row.get(0)).optional()?;
            Ok(KeptHeartbeats {
                last: rows.collect::<rusqlite::Result<_>>()?,
                is_whole: is_whole.unwrap_or(false),
            })
        })
    }

    /// How long the daemon had listened, over all of its lives, when that was last noted.
    pub fn listened(&self) -> Result<Duration> {
        self.db.read(|conn| {
            let select = "SELECT ms FROM listened";
            let ms: Option<i64> = conn.query_row(select, [], |row| row.get(0)).optional()?;
            Ok(Duration::from_millis(ms.unwrap_or(0).max(0) as u64))
        })
    }

    /// Keeps signs in the place of earlier ones, and how long the daemon has listened by now;
    /// `is_whole` if these are all, and no more come.
    pub fn keep_heartbeats(
        &mut self,
        heartbeats: &[(String, LastHeartbeat)],
        listened: Duration,
        is_whole: bool,
    ) -> Result<()> {
        self.db.write(|tx| {
            let mut put =
                tx.prepare_cached("INSERT OR REPLACE INTO last_signs (id, sign) VALUES (?1, ?2)")?;
            for (id, heartbeat) in heartbeats {
                put.execute((id, to_json(heartbeat)?))?;
            }
            let put = "INSERT OR REPLACE INTO listened (only, ms, is_whole) VALUES (1, ?1, ?2)";
            let listened_ms = listened.as_millis() as i64;
            tx.prepare_cached(put)?.execute((listened_ms, is_whole))
        })?;
        Ok(())
    }
}

pub(super) fn forget(conn: &Connection, ended: &[&str]) -> rusqlite::Result<()> {
    let mut delete = conn.prepare_cached("DELETE FROM last_signs WHERE id = ?1")?;
    for id in ended {
        delete.execute([id])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::entry::Entry;
    use super::super::tests::KEEP_ALL;
    use super::*;

    #[test]
    fn the_last_sign_of_each_is_kept_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let mut journal = Journal::open(&path).unwrap();
        assert_eq!(journal.listened().unwrap(), Duration::ZERO);
        let heartbeat = |listened_ms| LastHeartbeat {
            listened_ms,
            at_ms: 5,
            late_ms: 0,
            open: vec![(None, "Bash".into())],
        };
        let heartbeats = [1, 2].map(|n| (format!("run-{n}"), heartbeat(n)));
        let listened = Duration::from_millis(7);
        journal
            .keep_heartbeats(&heartbeats, listened, false)
            .unwrap();
        let later = ("run-1".to_owned(), heartbeat(9));
        assert!(!journal.kept_heartbeats().unwrap().is_whole);
        journal
            .keep_heartbeats(&[later], 2 * listened, true)
            .unwrap();
        let entry = Entry {
            ended: vec!["run-2", "nobody"],
            ..Entry::default()
        };
        journal.append(&entry, &KEEP_ALL).unwrap();
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        let expect = HashMap::from([("run-1".to_owned(), heartbeat(9))]);
        let kept = journal.kept_heartbeats().unwrap();
        assert_eq!((kept.last, kept.is_whole), (expect, true));
        assert_eq!(journal.listened().unwrap(), 2 * listened);
    }
}
