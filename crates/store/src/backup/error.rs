//! Why a backup or a restore fails.

use std::io;
use std::path::Path;

use super::manifest::AnyFormat;
use crate::sqlite;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Store(#[from] sqlite::Error),
    #[error("{path}: {error}")]
    Io { path: String, error: io::Error },
    #[error("the journal lacks what history needs after change {0}: take the backup again")]
    Gap(u64),
    #[error("the backup was not made to its end")]
    Interrupted,
    #[error("{0} is there and is no backup: name another file, or a folder")]
    InTheWay(String),
    #[error("{0} is no backup of agentpulse")]
    NotABackup(String),
    #[error("{0} is torn: it ends before its end; take another backup")]
    Torn(String),
    #[error("{0} is damaged: it is not what was backed up; take another backup")]
    Damaged(String),
    #[error(
        "{file} was made by a newer version of agentpulse ({}, format {}): restore it with that one",
        .by.agentpulse, .by.format
    )]
    Newer { file: String, by: AnyFormat },
}

impl Error {
    pub(super) fn io(path: &Path, error: io::Error) -> Error {
        Error::Io {
            path: path.display().to_string(),
            error,
        }
    }

    /// The file is damaged, or not one of ours; no retry helps.
    pub fn is_damage(&self) -> bool {
        match self {
            Error::Store(error) => error.is_corrupt() || error.is_newer(),
            Error::Gap(_)
            | Error::NotABackup(_)
            | Error::Torn(_)
            | Error::Damaged(_)
            | Error::Newer { .. } => true,
            Error::Io { .. } | Error::InTheWay(_) | Error::Interrupted => false,
        }
    }

    /// The backup cannot be written to its path or disk.
    pub fn is_of_place(&self) -> bool {
        match self {
            Error::Store(error) => error.is_full(),
            Error::Io { .. } | Error::InTheWay(_) => true,
            _ => false,
        }
    }
}
