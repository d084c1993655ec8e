//! `access.db`: the keys, as hashes, and the audit trail.

use std::path::Path;

use rusqlite::{Connection, Row as SqlRow, params};
use rusqlite_migration::M;

use super::audit::{Entry, Row};
use super::key::{Digest, Key, Scopes};
use crate::sqlite::{self, Db, Result};
use agentpulse_core::bucket::rfc3339;

/// A few hundred rows are touched in an hour.
const CACHE_KIB: u32 = 256;
/// Above this the log is written back. Nobody else holds the file for long.
const MAX_WAL_BYTES: u64 = 1 << 20;
/// Rows that one call of [`Store::prune`] deletes.
const PRUNE_BATCH: usize = 5_000;

/// A row of the trail is deleted by its age only: a refusal after 30 days, anything else after a
/// year. The file itself enforces that, for every writer. (REPLACE deletes without a trigger of
/// DELETE, hence the one of INSERT.) A released version is never edited.
const SCHEMA: &[M] = &[M::up(
    "CREATE TABLE keys (
         id TEXT PRIMARY KEY,
         name TEXT NOT NULL UNIQUE,
         digest BLOB NOT NULL UNIQUE,
         scopes TEXT NOT NULL,
         created_ms INTEGER NOT NULL,
         last_used_ms INTEGER,
         expires_ms INTEGER
     ) STRICT;

     CREATE TABLE audit (
         seq INTEGER PRIMARY KEY AUTOINCREMENT,
         at_ms INTEGER NOT NULL,
         action TEXT NOT NULL,
         who TEXT NOT NULL,
         origin TEXT NOT NULL,
         outcome TEXT NOT NULL,
         detail TEXT,
         count INTEGER NOT NULL
     ) STRICT;
     CREATE INDEX audit_at ON audit (at_ms);

     CREATE VIEW audit_past_its_age AS SELECT seq FROM audit
     WHERE at_ms < 1000 * (unixepoch()
         - CASE action WHEN 'access_refused' THEN 30 ELSE 365 END * 86400);
     CREATE TRIGGER audit_is_not_rewritten BEFORE UPDATE ON audit BEGIN
         SELECT RAISE(ABORT, 'the audit trail is append-only');
     END;
     CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
     WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq) BEGIN
         SELECT RAISE(ABORT, 'the audit trail is append-only');
     END;
     CREATE TRIGGER audit_goes_by_age BEFORE DELETE ON audit
     WHEN NOT EXISTS (SELECT 1 FROM audit_past_its_age WHERE seq = OLD.seq) BEGIN
         SELECT RAISE(ABORT, 'the audit trail is append-only');
     END;",
)];

/// Checks that a foreign file has the schema of this version or of an older one; it is not changed.
pub fn check(path: &Path) -> Result<()> {
    sqlite::check(path, SCHEMA)
}

pub struct Store {
    db: Db,
}

impl Store {
    /// Makes the file if there is none.
    pub fn open(path: &Path) -> Result<Store> {
        let db = Db::open_writer(path, SCHEMA, CACHE_KIB)?;
        Ok(Store { db })
    }

    pub fn open_to_read(path: &Path) -> Result<Store> {
        let db = Db::open_reader(path, SCHEMA)?;
        Ok(Store { db })
    }

    pub fn keys(&self) -> Result<Vec<(Key, Digest)>> {
        self.db.read(|conn| {
            let mut select = conn.prepare(
                "SELECT id, name, scopes, created_ms, last_used_ms, expires_ms, digest
                 FROM keys ORDER BY created_ms, id",
            )?;
            let rows = select.query_map([], |row| Ok((key_of(row)?, Digest(row.get(6)?))))?;
            rows.collect()
        })
    }

    /// The key and its row of the trail, or neither.
    pub fn insert_key(&mut self, key: &Key, digest: &Digest, entry: &Entry) -> Result<()> {
        self.db.write(|tx| {
            tx.execute(
                "INSERT INTO keys (id, name, scopes, created_ms, expires_ms, digest)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    key.id,
                    key.name,
                    key.scopes.to_string(),
                    key.created_ms,
                    key.expires_ms,
                    digest.0,
                ],
            )?;
            insert_entry(tx, entry)
        })
    }

    pub fn delete_key(&mut self, id: &str, entry: &Entry) -> Result<()> {
        self.db.write(|tx| {
            tx.execute("DELETE FROM keys WHERE id = ?1", [id])?;
            insert_entry(tx, entry)
        })
    }

    /// When keys were used last, and rows of the trail.
    pub fn note(&mut self, used: &[(&str, i64)], entries: &[Entry]) -> Result<()> {
        self.db.write(|tx| {
            let mut update =
                tx.prepare_cached("UPDATE keys SET last_used_ms = ?2 WHERE id = ?1")?;
            for used in used {
                update.execute(*used)?;
            }
            entries.iter().try_for_each(|entry| insert_entry(tx, entry))
        })?;
        if self.db.wal_bytes() > MAX_WAL_BYTES {
            self.db.restart_wal()?;
        }
        Ok(())
    }

    /// Rows since then, the newest first.
    pub fn entries(&self, since_ms: i64, limit: usize) -> Result<Vec<Row>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT seq, at_ms, action, who, origin, outcome, detail, count FROM audit
                 WHERE at_ms >= ?1 ORDER BY at_ms DESC, seq DESC LIMIT ?2",
            )?;
            let rows = select.query_map((since_ms, limit as i64), row_of)?;
            rows.collect()
        })
    }

    /// Deletes rows past their retention, and returns how many.
    pub fn prune(&mut self) -> Result<usize> {
        self.db.write(|tx| {
            tx.execute(
                "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit_past_its_age LIMIT ?1)",
                [PRUNE_BATCH as i64],
            )
        })
    }
}

fn insert_entry(conn: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO audit (at_ms, action, who, origin, outcome, detail, count)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        entry.at_ms,
        entry.action.as_str(),
        entry.actor.who,
        entry.actor.origin,
        entry.outcome,
        entry.detail,
        entry.count as i64,
    ])
    .map(drop)
}

fn key_of(row: &SqlRow) -> rusqlite::Result<Key> {
    let scopes: String = row.get(2)?;
    let unknown = || {
        let reason = format!("unknown scopes {scopes:?}").into();
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, reason)
    };
    Ok(Key {
        id: row.get(0)?,
        name: row.get(1)?,
        scopes: Scopes::parse(&scopes).ok_or_else(unknown)?,
        created_ms: row.get(3)?,
        last_used_ms: row.get(4)?,
        expires_ms: row.get(5)?,
    })
}

fn row_of(row: &SqlRow) -> rusqlite::Result<Row> {
    Ok(Row {
        seq: row.get(0)?,
        at: rfc3339(row.get(1)?),
        action: row.get(2)?,
        who: row.get(3)?,
        origin: row.get(4)?,
        outcome: row.get(5)?,
        detail: row.get(6)?,
        count: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::audit::{Action, Actor};

    const DAY_MS: i64 = 86_400_000;

    fn entry(action: Action, at_ms: i64) -> Entry {
        Entry::of(action, Actor::user(1, "control socket"), Ok(None), at_ms)
    }

    fn now_ms(store: &Store) -> i64 {
        let sql = "SELECT 1000 * unixepoch()";
        store
            .db
            .read(|conn| conn.query_row(sql, [], |row| row.get(0)))
            .unwrap()
    }

    #[test]
    fn the_trail_is_appended_to_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("access.db")).unwrap();
        let now_ms = now_ms(&store);
        store.note(&[], &[entry(Action::Prune, now_ms)]).unwrap();
        let before = store.entries(0, 10).unwrap();
        for sql in [
            "UPDATE audit SET who = 'nobody'",
            "DELETE FROM audit",
            "DELETE FROM audit WHERE seq = 1",
            "INSERT OR REPLACE INTO audit VALUES (1, 1, 'prune', '-', '-', 'done', NULL, 1)",
            "REPLACE INTO audit VALUES (1, 1, 'prune', '-', '-', 'done', NULL, 1)",
        ] {
            let error = store.db.write(|tx| tx.execute(sql, [])).unwrap_err();
            assert!(error.to_string().contains("append-only"), "{sql}: {error}");
        }
        assert_eq!(store.entries(0, 10).unwrap(), before);
        assert_eq!(before.len(), 1);
    }

    #[test]
    fn rows_go_by_their_age() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("access.db")).unwrap();
        let now_ms = now_ms(&store);
        let days = |days: i64| now_ms - days * DAY_MS;
        let entries = [
            entry(Action::AccessRefused, days(31)),
            entry(Action::AccessRefused, days(29)),
            entry(Action::KeyCreated, days(366)),
            entry(Action::KeyRevoked, days(364)),
        ];
        store.note(&[], &entries).unwrap();
        assert_eq!(store.prune().unwrap(), 2);
        let left = store.entries(0, 10).unwrap();
        let left: Vec<&str> = left.iter().map(|row| row.action.as_str()).collect();
        assert_eq!(left, ["access_refused", "key_revoked"]);
        assert_eq!(store.entries(days(30), 10).unwrap().len(), 1);
        assert_eq!(store.entries(0, 1).unwrap()[0].action, "access_refused");
    }
}
