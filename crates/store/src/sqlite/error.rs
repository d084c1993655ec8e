//! The one error of both databases.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{ErrorCode, ffi};

pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with a database file; it names the file and, where there is something, what to
/// do.
#[derive(Debug)]
pub struct Error {
    file: String,
    kind: Kind,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Kind {
    #[error("is of a newer version of agentpulse (schema {found}, this one knows {known})")]
    Newer { found: i64, known: usize },
    #[error(
        "is of an older version of agentpulse (schema {found}, this one needs {known}): \
         start the daemon once"
    )]
    Older { found: i64, known: usize },
    #[error("is damaged: restore a backup (agentpulse restore)")]
    Corrupt(#[source] rusqlite::Error),
    #[error("has tables, views or triggers that no version of agentpulse makes")]
    Strange,
    #[error("cannot be written: make room on its disk")]
    Full(#[source] rusqlite::Error),
    #[error("is locked by another process")]
    Locked(#[source] rusqlite::Error),
    #[error("had a query that took longer than {} ms", .0.as_millis())]
    TooSlow(Duration),
    #[error("has too many queries at once")]
    Crowded,
    #[error("is being closed")]
    Closing,
    #[error("was not copied to its end")]
    Interrupted,
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

impl Error {
    /// The file is no database, or its content cannot be what was written.
    pub fn is_corrupt(&self) -> bool {
        matches!(self.kind, Kind::Corrupt(_) | Kind::Strange)
    }

    /// A newer version of this program wrote the file.
    pub fn is_newer(&self) -> bool {
        matches!(self.kind, Kind::Newer { .. })
    }

    /// The disk is full, or does not take what is written.
    pub fn is_full(&self) -> bool {
        matches!(self.kind, Kind::Full(_))
    }

    /// The file can be read at most, or no log can be made beside it.
    pub(super) fn is_unwritable(&self) -> bool {
        let Kind::Sqlite(rusqlite::Error::SqliteFailure(failure, _)) = &self.kind else {
            return false;
        };
        matches!(failure.code, ErrorCode::CannotOpen | ErrorCode::ReadOnly)
    }

    /// The client of a copy has gone.
    pub fn is_interrupted(&self) -> bool {
        matches!(self.kind, Kind::Interrupted)
    }

    /// Locked, crowded, too slow or closing: worth another try, later.
    pub fn is_busy(&self) -> bool {
        matches!(
            self.kind,
            Kind::Locked(_) | Kind::TooSlow(_) | Kind::Crowded | Kind::Closing
        )
    }

    pub(crate) fn too_slow(path: &Path, deadline: Duration) -> Error {
        Error::at(path, Kind::TooSlow(deadline))
    }

    pub(crate) fn crowded(path: &Path) -> Error {
        Error::at(path, Kind::Crowded)
    }

    pub(crate) fn closing(path: &Path) -> Error {
        Error::at(path, Kind::Closing)
    }

    pub(super) fn at(path: &Path, kind: Kind) -> Error {
        let file = path.file_name().unwrap_or(path.as_os_str());
        Error {
            file: file.to_string_lossy().into_owned(),
            kind,
        }
    }

    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Error {
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
