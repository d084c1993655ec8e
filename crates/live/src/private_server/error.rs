//! Why there is no private server.

use std::io;
use std::path::Path;

use super::disk::free;

/// Why there is no server, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    is_of_file: bool,
}

impl Error {
    /// A file or a folder cannot be written, because the disk is full for instance.
    pub fn is_of_file(&self) -> bool {
        self.is_of_file
    }

    pub(super) fn other(message: impl Into<String>) -> Error {
        Error {
            message: message.into(),
            is_of_file: false,
        }
    }

    pub(super) fn no_file(message: String) -> Error {
        Error {
            message,
            is_of_file: true,
        }
    }

    pub(super) fn of_file(path: &Path, error: &io::Error) -> Error {
        let shown = path.display();
        Error::no_file(match error.kind() {
            io::ErrorKind::StorageFull => format!("{shown}: {error}, {}", free(path)),
            _ => format!("{shown}: {error}"),
        })
    }
}
