//! How rows of tallies are chosen and read.

use rusqlite::Row;
use rusqlite::types::Type;

use agentpulse_core::dimension::Dimension;
use agentpulse_core::sketch::Sketch;
use agentpulse_core::sum::MAX_SUM;
use agentpulse_core::sums::Durations;
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

/// Null is a bucket without durations.
pub(super) fn sketch(row: &Row, column: usize) -> rusqlite::Result<Sketch> {
    match row.get_ref(column)?.as_blob_or_null()? {
        None => Ok(Sketch::default()),
        Some(bytes) => Sketch::from_v2(bytes).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(
                column,
                Type::Blob,
                "not an HdrHistogram".into(),
            )
        }),
    }
}

pub(super) fn duration(row: &Row, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(|ms| ms as u64))
}

/// The sketch, the smallest and the largest, in the columns from `first` on.
pub(super) fn durations(row: &Row, first: usize) -> rusqlite::Result<Durations> {
    Ok(Durations {
        sketch: sketch(row, first)?,
        min_duration_ms: duration(row, first + 1)?,
        max_duration_ms: duration(row, first + 2)?,
        extremes_unknown: false,
    })
}
