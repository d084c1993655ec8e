//! Whether a database that comes from elsewhere is what this program would have made.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::{Db, Error, Kind, READER_CACHE_KIB, Result, migration_failed, read, user_version};

/// A history of some GB takes a minute.
const DEADLINE: Duration = Duration::from_secs(600);
/// An interrupt ends the statement that runs; the one after it has to be interrupted again.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(20);

/// Type, name, table and text of a table, an index, a view or a trigger.
type Item = [String; 4];

/// Looks through the whole file before anything of it is used. A view or a trigger that others put
/// into it would run with our own statements.
///
/// # Errors
/// Another schema than the file's version of `schema` makes, damage, a newer version, and a file
/// that takes longer than [`DEADLINE`].
pub(crate) fn check(path: &Path, schema: &'static [M<'static>]) -> Result<()> {
    let db = Db::open(path, READER_CACHE_KIB)?;
    let found = db.read(user_version)?;
    let known = schema.len();
    let version = usize::try_from(found).ok().filter(|found| *found <= known);
    let Some(version) = version else {
        return Err(Error::at(path, Kind::Newer { found, known }));
    };
    let expected = made_by(path, &schema[..version])?;
    if db.read(items)? != expected {
        return Err(Error::at(path, Kind::Strange));
    }
    within(&db, DEADLINE, || {
        db.read(|conn| {
            let sql = "PRAGMA integrity_check(1)";
            let found: String = conn.query_row(sql, [], |row| row.get(0))?;
            damaged(found)
        })
    })
}

fn made_by(path: &Path, schema: &'static [M<'static>]) -> Result<Vec<Item>> {
    if schema.is_empty() {
        return Ok(Vec::new());
    }
    let of = |error| Error::of(path, error);
    let mut conn = Connection::open_in_memory().map_err(of)?;
    Migrations::from_slice(schema)
        .to_latest(&mut conn)
        .map_err(|error| migration_failed(path, error))?;
    items(&conn).map_err(of)
}

fn items(conn: &Connection) -> rusqlite::Result<Vec<Item>> {
    let mut select = conn.prepare(
        "SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_master ORDER BY type, name",
    )?;
    let rows = select.query_map([], |row| {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
    })?;
    rows.collect()
}

/// Looks through a whole file for damage, whatever its schema is.
pub fn quick_check(path: &Path) -> Result<()> {
    read(path, |conn| {
        let found: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        damaged(found)
    })
}

/// What a check of SQLite has found.
fn damaged(found: String) -> rusqlite::Result<()> {
    if found == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(found)))
}

fn within<T>(db: &Db, deadline: Duration, f: impl FnOnce() -> Result<T>) -> Result<T> {
    let interrupt = db.interrupt_handle();
    let (done, ended) = channel::<()>();
    thread::scope(|scope| {
        let watch = scope.spawn(move || {
            let is_late = |wait| ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout);
            let too_slow = is_late(deadline);
            let mut is_running = too_slow;
            while is_running {
                interrupt.interrupt();
                is_running = is_late(INTERRUPT_INTERVAL);
            }
            too_slow
        });
        let answer = f();
        drop(done);
        match watch.join() {
            Ok(false) => answer,
            _ => answer.map_err(|_| Error::too_slow(&db.path, deadline)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &[M] = &[
        M::up("CREATE TABLE t (n INTEGER) STRICT"),
        M::up("CREATE INDEX t_n ON t (n)"),
    ];

    fn changed_by(sql: &str) -> Result<()> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        drop(Db::open_writer(&path, SCHEMA, 1024).unwrap());
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(sql).unwrap();
        drop(conn);
        check(&path, SCHEMA)
    }

    #[test]
    fn only_what_a_version_of_ours_makes_is_sound() {
        changed_by("INSERT INTO t VALUES (1)").unwrap();
        changed_by("DROP INDEX t_n; PRAGMA user_version = 1").unwrap();
        for sql in [
            "CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO t VALUES (1); END",
            "CREATE VIEW v AS SELECT 1",
            "CREATE TABLE other (n)",
            "DROP INDEX t_n",
            "DROP TABLE t; CREATE VIEW t AS SELECT 1 AS n",
            "DROP INDEX t_n; CREATE INDEX t_n ON t (abs(n))",
            "PRAGMA user_version = 0",
        ] {
            let error = changed_by(sql).unwrap_err();
            assert!(error.is_corrupt(), "{sql}: {error}");
        }
        assert!(
            changed_by("PRAGMA user_version = 3")
                .unwrap_err()
                .is_newer()
        );
    }

    #[test]
    fn a_check_that_takes_too_long_is_interrupted() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_writer(&dir.path().join("t.db"), SCHEMA, 1024).unwrap();
        let for_ever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                        SELECT count(*) FROM n";
        let error = within(&db, Duration::from_millis(20), || {
            db.read(|conn| conn.query_row(for_ever, [], |_| Ok(())))
        });
        assert!(error.unwrap_err().is_busy());
    }
}
