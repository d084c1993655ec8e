//! What the databases share: how they are opened, how a transaction is run, how the write-ahead
//! log is kept short, and the one error that comes out of it.

mod checkpoint;
mod copy;
mod error;
mod sound;

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, InterruptHandle, OpenFlags, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations};
use serde::Serialize;
use serde::de::DeserializeOwned;

use agentpulse_failpoint::failpoint;
pub use checkpoint::Checkpointer;
pub(crate) use copy::copy;
use error::Kind;
pub use error::{Error, Result};
pub(crate) use sound::check;
pub use sound::quick_check;

/// How long a statement waits for a lock. Only one process writes, so that a longer wait means a
/// second daemon or a backup tool that hangs.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long [`Db::restart_wal`] waits for readers that are under way: it stalls the writer, and
/// the next call tries again.
const RESTART_TIMEOUT: Duration = Duration::from_millis(10);
/// The system keeps the pages that are read often. To map the files instead saved a fifth of a
/// flush among half a million executions, and the daemon had 400 MiB more: what is mapped counts
/// once for each connection.
///
/// Each commit of the writer empties the cache of every reader, so that it only serves one answer;
/// there are a dozen of them.
const READER_CACHE_KIB: u32 = 512;
/// More than either database has different statements.
const CACHED_STATEMENTS: usize = 64;

/// One connection and the file that its errors name.
pub(crate) struct Db {
    conn: Connection,
    path: PathBuf,
}

impl Db {
    /// Opens the file for writing, makes it (mode 0600) if there is none, and brings it to the
    /// last version of `schema`.
    pub fn open_writer(path: &Path, schema: &'static [M<'static>], cache_kib: u32) -> Result<Db> {
        create_private(path).map_err(|error| Error::at(path, Kind::Open(error)))?;
        let mut db = Db::open(path, cache_kib)?;
        let found = db.read(user_version)?;
        if found > schema.len() as i64 {
            let known = schema.len();
            return Err(Error::at(path, Kind::Newer { found, known }));
        }
        let mode: String =
            db.read(|conn| conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)))?;
        if mode != "wal" {
            return Err(Error::at(path, Kind::NoWal));
        }
        // All steps that a file lacks are one transaction: a start that is killed begins again.
        failpoint("migrate.begin");
        Migrations::from_slice(schema)
            .to_latest(&mut db.conn)
            .map_err(|error| migration_failed(path, error))?;
        failpoint("migrate.done");
        Ok(db)
    }

    /// Opens a file that a writer made. It cannot be changed through this connection.
    pub fn open_reader(path: &Path, schema: &[M]) -> Result<Db> {
        let opened = Db::open(path, READER_CACHE_KIB).and_then(|db| {
            let found = db.read(user_version)?;
            Ok((db, found))
        });
        let (db, found) = match opened {
            Err(error) if error.is_unwritable() && wal_bytes(path) == 0 => {
                let db = Db::open_at_rest(path)?;
                let found = db.read(user_version)?;
                (db, found)
            }
            opened => opened?,
        };
        let known = schema.len();
        match found.cmp(&(known as i64)) {
            std::cmp::Ordering::Greater => Err(Error::at(path, Kind::Newer { found, known })),
            std::cmp::Ordering::Less => Err(Error::at(path, Kind::Older { found, known })),
            std::cmp::Ordering::Equal => {
                db.read(|conn| conn.execute_batch("PRAGMA query_only = ON"))?;
                Ok(db)
            }
        }
    }

    fn open(path: &Path, cache_kib: u32) -> Result<Db> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags);
        Db::set_up(conn, path, cache_kib)
    }

    /// Opens a file in a folder where no log and no lock can be made: nobody writes to it.
    fn open_at_rest(path: &Path) -> Result<Db> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let mut uri = "file:".to_owned();
        for byte in path.as_os_str().as_encoded_bytes() {
            match byte {
                b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
                byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
                byte => uri.push_str(&format!("%{byte:02X}")),
            }
        }
        let conn = Connection::open_with_flags(uri + "?immutable=1", flags);
        Db::set_up(conn, path, READER_CACHE_KIB)
    }

    fn set_up(conn: rusqlite::Result<Connection>, path: &Path, cache_kib: u32) -> Result<Db> {
        let conn = conn.map_err(|error| Error::of(path, error))?;
        conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        let db = Db {
            conn,
            path: path.to_owned(),
        };
        db.read(|conn| {
            conn.busy_timeout(BUSY_TIMEOUT)?;
            // Checkpoints are made elsewhere: inside a commit one took 60 ms.
            conn.execute_batch(&format!(
                "PRAGMA trusted_schema = OFF;
                 PRAGMA synchronous = FULL;
                 PRAGMA wal_autocheckpoint = 0;
                 PRAGMA temp_store = MEMORY;
                 PRAGMA cache_size = -{cache_kib};"
            ))
        })?;
        Ok(db)
    }

    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.conn.get_interrupt_handle()
    }

    pub fn read<T>(&self, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        f(&self.conn).map_err(|error| Error::of(&self.path, error))
    }

    /// What a statement said, with the name of the file.
    pub fn error(&self, error: rusqlite::Error) -> Error {
        Error::of(&self.path, error)
    }

    /// Everything that `f` reads is of one moment. Within another such call it is of that one's.
    pub fn snapshot<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if !self.conn.is_autocommit() {
            return f(&self.conn);
        }
        let transaction = self
            .conn
            .unchecked_transaction()
            .map_err(|error| Error::of(&self.path, error))?;
        f(&transaction)
    }

    /// Either everything that `f` writes is in the file and on the disk, or nothing.
    pub fn write<T>(&mut self, f: impl FnOnce(&Transaction) -> rusqlite::Result<T>) -> Result<T> {
        let run = |conn: &mut Connection| {
            let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = f(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        };
        run(&mut self.conn).map_err(|error| Error::of(&self.path, error))
    }

    /// Lets go of the pages that are kept in memory.
    pub fn release_memory(&self) -> Result<()> {
        self.read(|conn| conn.execute_batch("PRAGMA shrink_memory"))
    }

    /// The size of the write-ahead log. It shrinks in [`Db::restart_wal`] only.
    pub fn wal_bytes(&self) -> u64 {
        wal_bytes(&self.path)
    }

    /// Moves what is left of the log into the database and empties it. False when a reader or a
    /// checkpoint was in the way.
    pub fn restart_wal(&self) -> Result<bool> {
        self.read(|conn| {
            conn.busy_timeout(RESTART_TIMEOUT)?;
            let restarted = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                Ok(row.get::<_, i64>(0)? == 0)
            });
            conn.busy_timeout(BUSY_TIMEOUT)?;
            restarted
        })
    }
}

/// Reads from a file, whatever its schema is.
pub(crate) fn read<T>(
    path: &Path,
    f: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T> {
    Db::open(path, READER_CACHE_KIB)?.read(f)
}

/// The text of a stored value.
pub(crate) fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The stored value in a column; a text that is none means that the file is damaged.
pub(crate) fn from_json<T: DeserializeOwned>(
    row: &rusqlite::Row,
    column: usize,
) -> rusqlite::Result<T> {
    serde_json::from_slice(row.get_ref(column)?.as_bytes()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// The log and its index get the mode of the database from SQLite.
fn create_private(path: &Path) -> io::Result<()> {
    let file = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))
}

fn wal_bytes(path: &Path) -> u64 {
    let mut path = path.as_os_str().to_owned();
    path.push("-wal");
    fs::metadata(path).map_or(0, |file| file.len())
}

fn user_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn migration_failed(path: &Path, error: rusqlite_migration::Error) -> Error {
    match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => Error::of(path, err),
        other => Error::at(path, Kind::Migration(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &[M] = &[M::up("CREATE TABLE t (n INTEGER) STRICT")];

    fn insert(db: &mut Db, rows: i64) {
        db.write(|tx| {
            let mut insert = tx.prepare_cached("INSERT INTO t VALUES (?1)")?;
            for n in 0..rows {
                insert.execute([n])?;
            }
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn the_file_and_its_log_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        let mut db = Db::open_writer(&path, SCHEMA, 1024).unwrap();
        insert(&mut db, 1);
        for name in ["t.db", "t.db-wal", "t.db-shm"] {
            let mode = fs::metadata(dir.path().join(name)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_no_database_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        fs::write(&path, [b'x'; 8192]).unwrap();
        for error in [
            Db::open_writer(&path, SCHEMA, 1024).err().unwrap(),
            Db::open_reader(&path, SCHEMA).err().unwrap(),
        ] {
            assert!(error.is_corrupt(), "{error:?}");
            assert_eq!(
                error.to_string(),
                "t.db is damaged: restore a backup (agentpulse restore)"
            );
        }
    }

    #[test]
    fn a_schema_of_another_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        drop(Db::open_writer(&path, SCHEMA, 1024).unwrap());
        let set_version = |version: i64| {
            let conn = Connection::open(&path).unwrap();
            conn.pragma_update(None, "user_version", version).unwrap();
        };
        set_version(3);
        for error in [
            Db::open_writer(&path, SCHEMA, 1024).err().unwrap(),
            Db::open_reader(&path, SCHEMA).err().unwrap(),
        ] {
            assert!(error.is_newer());
            assert_eq!(
                error.to_string(),
                "t.db is of a newer version of agentpulse (schema 3, this one knows 1)"
            );
        }
        set_version(0);
        let error = Db::open_reader(&path, SCHEMA).err().unwrap();
        assert!(
            error.to_string().contains("start the daemon once"),
            "{error}"
        );
    }

    #[test]
    fn a_reader_cannot_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        let _writer = Db::open_writer(&path, SCHEMA, 1024).unwrap();
        let reader = Db::open_reader(&path, SCHEMA).unwrap();
        let refused = reader.read(|conn| conn.execute("INSERT INTO t VALUES (1)", []));
        assert!(refused.is_err());
        let reader = Db::open_reader(&dir.path().join("none.db"), SCHEMA);
        assert!(reader.is_err(), "a reader makes no file");
        assert!(!dir.path().join("none.db").exists());
    }

    #[test]
    fn a_transaction_that_fails_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = Db::open_writer(&dir.path().join("t.db"), SCHEMA, 1024).unwrap();
        let failed = db.write(|tx| {
            tx.execute("INSERT INTO t VALUES (1)", [])?;
            tx.execute("INSERT INTO t VALUES ('one')", [])
        });
        assert!(failed.is_err());
        insert(&mut db, 1);
        let rows: i64 = db
            .read(|conn| conn.query_row("SELECT count(*) FROM t", [], |row| row.get(0)))
            .unwrap();
        assert_eq!(rows, 1);
    }

    #[test]
    fn a_full_disk_is_told_from_a_damaged_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = Db::open_writer(&dir.path().join("t.db"), SCHEMA, 1024).unwrap();
        db.read(|conn| conn.execute_batch("PRAGMA max_page_count = 3"))
            .unwrap();
        let error = db
            .write(|tx| tx.execute_batch("CREATE TABLE a (n); CREATE TABLE b (n)"))
            .unwrap_err();
        assert!(error.is_full() && !error.is_corrupt(), "{error:?}");
    }

    #[test]
    fn the_log_is_moved_beside_the_writer_and_emptied_when_nobody_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        let mut db = Db::open_writer(&path, SCHEMA, 1024).unwrap();
        insert(&mut db, 10_000);
        let checkpointer = Checkpointer::open(&path).unwrap();
        let reader = Db::open_reader(&path, SCHEMA).unwrap();
        reader
            .snapshot(|_| {
                let rows = |conn: &Connection| {
                    conn.query_row("SELECT count(*) FROM t", [], |r| r.get::<_, i64>(0))
                };
                assert_eq!(reader.read(rows)?, 10_000);
                insert(&mut db, 10_000);
                assert!(checkpointer.checkpoint()? > 0, "the reader is in the way");
                assert!(!db.restart_wal()?);
                assert_eq!(reader.read(rows)?, 10_000, "it is of one moment");
                Ok(())
            })
            .unwrap();
        assert_eq!(checkpointer.checkpoint().unwrap(), 0);
        assert!(db.wal_bytes() > 0);
        assert!(db.restart_wal().unwrap());
        assert_eq!(db.wal_bytes(), 0);
    }
}
