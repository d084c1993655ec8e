//! How rows of tallies are chosen and read.

use rusqlite::Row;

use agentpulse_core::dimension::Dimension;
use agentpulse_core::sum::MAX_SUM;
use agentpulse_core::tally::{FIELDS, Tally};

/// The condition that chooses a dimension. It is in the text, so that SQLite knows it when it
/// prepares the statement.
pub(super) fn of(dimension: Dimension) -> String {
    format!("dimension = {}", dimension.row().code)
}

/// A sum of one bucket. One that an older version stored may be beyond the limit.
pub(super) fn count(row: &Row, column: usize) -> rusqlite::Result<i64> {
    Ok(row.get::<_, i64>(column)?.clamp(0, MAX_SUM))
}

/// The 13 columns from `first` on.
pub(super) fn tally(row: &Row, first: usize) -> rusqlite::Result<Tally> {
    let mut values = [0; FIELDS.len()];
    for (i, value) in values.iter_mut().enumerate() {
        *value = count(row, first + i)?;
    }
    Ok(Tally::from_array(values))
}
