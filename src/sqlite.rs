//! What both databases share: how they are opened, how a transaction is run, how the write-ahead
//! log is kept short, and the one error that comes out of it.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, InterruptHandle, OpenFlags, Transaction, TransactionBehavior, ffi};
use rusqlite_migration::{M, Migrations};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a statement waits for a lock. Only one process writes, so that whoever waits longer
/// meets a second daemon or a backup tool that hangs.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long [`Db::restart_wal`] waits for readers that are under way: it stalls the writer, and
/// the next call tries again.
const RESTART_TIMEOUT: Duration = Duration::from_millis(10);
/// Of each file that is mapped instead of read: lookups of random ids took half the time.
const MMAP_BYTES: u64 = 256 * 1024 * 1024;
/// A transaction of 20,000 executions beside a million others touches some 40 MiB of pages; what
/// does not fit is written to the log twice.
const WRITER_CACHE_KIB: u32 = 64 * 1024;
/// A reader finds most pages in the mapping.
const READER_CACHE_KIB: u32 = 2 * 1024;
/// More than either database has different statements.
const CACHED_STATEMENTS: usize = 64;

pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with a database file; it names the file and, where there is something, what to
/// do.
#[derive(Debug)]
pub struct Error {
    file: String,
    kind: Kind,
}

#[derive(Debug, thiserror::Error)]
enum Kind {
    #[error("is of a newer version of agentpulse (schema {found}, this one knows {known})")]
    Newer { found: i64, known: usize },
    #[error(
        "is of an older version of agentpulse (schema {found}, this one needs {known}): \
         start the daemon once"
    )]
    Older { found: i64, known: usize },
    #[error("is damaged: restore a backup (agentpulse restore)")]
    Corrupt(#[source] rusqlite::Error),
    #[error("cannot be written: make room on its disk")]
    Full(#[source] rusqlite::Error),
    #[error("is locked by another process")]
    Locked(#[source] rusqlite::Error),
    #[error("was asked for too much: the question took longer than {}", seconds(.0))]
    TooSlow(Duration),
    #[error("is asked by too many: no reader was free for {}", seconds(.0))]
    Crowded(Duration),
    #[error("cannot keep a write-ahead log on this file system")]
    NoWal,
    #[error("cannot be opened: {0}")]
    Open(io::Error),
    #[error("failed: {0}")]
    Sqlite(rusqlite::Error),
    #[error("could not be brought to the present schema: {0}")]
    Migration(rusqlite_migration::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.file, self.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.kind)
    }
}

fn seconds(duration: &Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

impl Error {
    /// The file is no database, or its content cannot be what was written.
    pub fn is_corrupt(&self) -> bool {
        matches!(self.kind, Kind::Corrupt(_))
    }

    /// A newer version of this program wrote the file.
    pub fn is_newer(&self) -> bool {
        matches!(self.kind, Kind::Newer { .. })
    }

    /// The disk is full, or does not take what is written.
    pub fn is_full(&self) -> bool {
        matches!(self.kind, Kind::Full(_))
    }

    /// Locked, crowded or too slow: worth another try, later.
    pub fn is_busy(&self) -> bool {
        matches!(
            self.kind,
            Kind::Locked(_) | Kind::TooSlow(_) | Kind::Crowded(_)
        )
    }

    pub(crate) fn too_slow(path: &Path, deadline: Duration) -> Error {
        Error::at(path, Kind::TooSlow(deadline))
    }

    pub(crate) fn crowded(path: &Path, deadline: Duration) -> Error {
        Error::at(path, Kind::Crowded(deadline))
    }

    fn at(path: &Path, kind: Kind) -> Error {
        let file = path.file_name().unwrap_or(path.as_os_str());
        Error {
            file: file.to_string_lossy().into_owned(),
            kind,
        }
    }

    fn of(path: &Path, error: rusqlite::Error) -> Error {
        Error::at(path, classify(error))
    }
}

fn classify(error: rusqlite::Error) -> Kind {
    use rusqlite::Error as E;
    let code = match &error {
        E::SqliteFailure(failure, _) => failure.extended_code,
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::InvalidColumnType(..)
        | E::Utf8Error(..) => return Kind::Corrupt(error),
        _ => return Kind::Sqlite(error),
    };
    match code {
        // SQLite answers ENOSPC with FULL, and a quota or a failing disk with the others.
        ffi::SQLITE_FULL
        | ffi::SQLITE_IOERR_WRITE
        | ffi::SQLITE_IOERR_FSYNC
        | ffi::SQLITE_IOERR_TRUNCATE
        | ffi::SQLITE_IOERR_SHMSIZE => Kind::Full(error),
        _ => match code & 0xff {
            ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => Kind::Corrupt(error),
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => Kind::Locked(error),
            _ => Kind::Sqlite(error),
        },
    }
}

/// One connection and the file that its errors name.
pub(crate) struct Db {
    conn: Connection,
    path: PathBuf,
}

impl Db {
    /// Opens the file for writing, makes it (mode 0600) if there is none, and brings it to the
    /// last version of `schema`.
    pub fn open_writer(path: &Path, schema: &'static [M<'static>]) -> Result<Db> {
        create_private(path).map_err(|error| Error::at(path, Kind::Open(error)))?;
        let mut db = Db::open(path, WRITER_CACHE_KIB)?;
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
        Migrations::from_slice(schema)
            .to_latest(&mut db.conn)
            .map_err(|error| migration_failed(path, error))?;
        Ok(db)
    }

    /// Opens a file that a writer made. It cannot be changed through this connection.
    pub fn open_reader(path: &Path, schema: &[M]) -> Result<Db> {
        let db = Db::open(path, READER_CACHE_KIB)?;
        let (found, known) = (db.read(user_version)?, schema.len());
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
        let conn =
            Connection::open_with_flags(path, flags).map_err(|error| Error::of(path, error))?;
        conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        let db = Db {
            conn,
            path: path.to_owned(),
        };
        db.read(|conn| {
            conn.busy_timeout(BUSY_TIMEOUT)?;
            // Checkpoints are made elsewhere: inside a commit one took 60 ms.
            conn.execute_batch(&format!(
                "PRAGMA synchronous = FULL;
                 PRAGMA wal_autocheckpoint = 0;
                 PRAGMA temp_store = MEMORY;
                 PRAGMA mmap_size = {MMAP_BYTES};
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

    /// The size of the write-ahead log. It shrinks in [`Db::restart_wal`] only.
    pub fn wal_bytes(&self) -> u64 {
        let mut path = self.path.clone().into_os_string();
        path.push("-wal");
        fs::metadata(path).map_or(0, |file| file.len())
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

/// Moves the write-ahead log into the database beside the writer, on a thread of its own.
pub struct Checkpointer {
    db: Db,
}

impl Checkpointer {
    pub fn open(path: &Path) -> Result<Checkpointer> {
        Ok(Checkpointer {
            db: Db::open(path, READER_CACHE_KIB)?,
        })
    }

    /// Waits for nobody. Answers how many frames (of one page each) are left in the log.
    pub fn checkpoint(&self) -> Result<u64> {
        self.db.read(|conn| {
            conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                let (frames, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
                Ok(frames.saturating_sub(moved).max(0) as u64)
            })
        })
    }
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

fn user_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn migration_failed(path: &Path, error: rusqlite_migration::Error) -> Error {
    match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => Error::of(path, err),
        other => Error::at(path, Kind::Migration(other)),
    }
}

/// Looks through a whole file for damage, whatever its schema is.
pub fn quick_check(path: &Path) -> Result<()> {
    let db = Db::open(path, READER_CACHE_KIB)?;
    let found: String =
        db.read(|conn| conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)))?;
    if found == "ok" {
        return Ok(());
    }
    let damage = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(found));
    Err(Error::of(path, damage))
}
