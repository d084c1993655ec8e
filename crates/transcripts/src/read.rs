//! Reads one transcript.

use std::path::{Path, PathBuf};

use super::lines::Lines;
use super::open::{Opened, Unreadable, open, unreadable};
use agentpulse_core::price::Prices;
use agentpulse_core::usage::Usage;
use agentpulse_sources::claude_code::transcript::{Beginning, Slice, Span, TurnReader, Turns};

/// Reads one turn: from an offset in bytes to the first prompt of the next turn; without a stop to
/// the end of the file. Blocks.
///
/// # Errors
/// A file that is not there, not ours to read, larger than `max_bytes`, or shorter than `from`.
pub fn read(
    roots: &[PathBuf],
    path: &Path,
    max_bytes: u64,
    from: u64,
    span: Span,
    prices: &Prices,
) -> Result<Usage, Unreadable> {
    let from = match from {
        0 => beginning(open(roots, path, max_bytes)?, span)?,
        known => known,
    };
    let opened = open(roots, path, max_bytes)?;
    if opened.len < from {
        return Err(Unreadable::Shrunk);
    }
    let mut lines = Lines::new(opened, from).map_err(unreadable)?;
    let mut slice = Slice::new(from, span);
    while let Some(line) = lines.next().map_err(unreadable)? {
        if slice.line(line.bytes, line.end, line.is_ended).is_break() {
            break;
        }
    }
    Ok(slice.usage(prices))
}

/// Where the first turn that is known begins.
fn beginning(opened: Opened, span: Span) -> Result<u64, Unreadable> {
    let mut lines = Lines::new(opened, 0).map_err(unreadable)?;
    let mut beginning = Beginning::new(span);
    let mut offset = 0;
    while let Some(line) = lines.next().map_err(unreadable)? {
        if beginning.line(line.bytes, offset).is_break() {
            break;
        }
        offset = line.end;
    }
    Ok(beginning.finish())
}

/// Splits a whole transcript into turns. Blocks.
///
/// # Errors
/// A file that is not there, not ours to read, or larger than `max_bytes`.
pub fn turns(roots: &[PathBuf], path: &Path, max_bytes: u64) -> Result<Turns, Unreadable> {
    let mut lines = Lines::new(open(roots, path, max_bytes)?, 0).map_err(unreadable)?;
    let mut reader = TurnReader::default();
    while let Some(line) = lines.next().map_err(unreadable)? {
        reader.line(line.bytes);
    }
    Ok(reader.finish())
}
