//! The epochs of a journal: which file it is, and which files it took the place of.

use std::path::Path;

use rusqlite::Connection;

use crate::sqlite::{self, Result};

/// The epochs of a journal of any version, the present one last; it is not brought to this one.
pub fn epochs_of(path: &Path) -> Result<Vec<String>> {
    sqlite::read(path, epochs)
}

/// Those of the past, and last the present one.
pub(super) fn epochs(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut select = conn.prepare("SELECT epoch FROM epochs ORDER BY n")?;
    let rows = select.query_map([], |row| row.get(0))?;
    rows.collect()
}
