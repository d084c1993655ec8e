//! Reads one transcript.

use std::path::{Path, PathBuf};

use super::files::Files;
use super::lines::Lines;
use super::open::{Opened, Unreadable, open, unreadable};
use agentpulse_core::event::SeenEnd;
use agentpulse_core::usage::Usage;
use agentpulse_sources::claude_code::transcript::{
    Beginning, ClientTotals, ClientTotalsReader, MainTurnReader, PromptSlice, Slice, Span,
    TurnLines, TurnReader, Turns,
};

/// What the lines of one turn say.
pub struct TurnRead {
    pub usage: Usage,
    /// The end that they show, if they show one.
    pub end: Option<SeenEnd>,
}

/// Reads one turn of an agent: from an offset in bytes to the first prompt of the next turn;
/// without a stop to the end of the file. Its `later` lines are in further files, of which those count that
/// are there. Blocks.
///
/// # Errors
/// A file that is not there, not ours to read, larger than the files may be, or shorter than `from`.
pub fn read(
    files: &Files,
    path: &Path,
    later: &[PathBuf],
    from: u64,
    span: Span,
) -> Result<TurnRead, Unreadable> {
    let from = match from {
        0 => beginning(files.open(path)?, span)?,
        known => known,
    };
    let mut lines = TurnLines::Agent(Slice::new(from, span));
    take(files.open(path)?, from, &mut lines)?;
    // The next turn in the first file begins there.
    let end_offset = lines.end_offset();
    for path in later {
        match files.open(path) {
            Ok(opened) => take(opened, 0, &mut lines)?,
            Err(Unreadable::Missing) => {}
            Err(error) => return Err(error),
        }
    }
    let messages: Vec<_> = lines.messages().collect();
    let originals = &files.indexes.originals;
    lines.leave_out(&originals.elsewhere(files, path, &messages));
    let mut usage = lines.usage(&files.catalog.prices);
    usage.end_offset = end_offset;
    usage.project = files.project(&lines);
    let end = lines.end();
    Ok(TurnRead { usage, end })
}

/// Reads the turn of the main thread that a prompt began; nothing of one that is not there. Blocks.
///
/// # Errors
/// A file that is not there, not ours to read, or larger than the files may be.
pub fn read_main(files: &Files, path: &Path, prompt_id: &str) -> Result<TurnRead, Unreadable> {
    let opened = files.open(path)?;
    let from = files.indexes.prompts.offset(path, &opened, prompt_id);
    let from = from.map_err(unreadable)?;
    let mut lines = TurnLines::Main(PromptSlice::new(from, prompt_id));
    take(opened, from, &mut lines)?;
    let mut usage = lines.usage(&files.catalog.prices);
    usage.project = files.project(&lines);
    let end = lines.end();
    Ok(TurnRead { usage, end })
}

fn take(opened: Opened, from: u64, turn: &mut TurnLines) -> Result<(), Unreadable> {
    if opened.len < from {
        return Err(Unreadable::Shrunk);
    }
    let mut lines = Lines::new(opened, from).map_err(unreadable)?;
    while let Some(line) = lines.next().map_err(unreadable)? {
        if turn.line(line.bytes, line.end, line.is_ended).is_break() {
            break;
        }
    }
    Ok(())
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

/// Splits the whole transcript of a main thread into turns. Blocks.
///
/// # Errors
/// As of [`turns`].
pub fn main_turns(roots: &[PathBuf], path: &Path, max_bytes: u64) -> Result<Turns, Unreadable> {
    let mut lines = Lines::new(open(roots, path, max_bytes)?, 0).map_err(unreadable)?;
    let mut reader = MainTurnReader::default();
    while let Some(line) = lines.next().map_err(unreadable)? {
        reader.line(line.bytes);
    }
    Ok(reader.finish())
}

/// What the client itself says that the session of a main thread has used. Blocks.
///
/// # Errors
/// As of [`turns`].
pub fn client_totals(
    roots: &[PathBuf],
    path: &Path,
    max_bytes: u64,
) -> Result<Option<ClientTotals>, Unreadable> {
    let mut lines = Lines::new(open(roots, path, max_bytes)?, 0).map_err(unreadable)?;
    let mut reader = ClientTotalsReader::default();
    while let Some(line) = lines.next().map_err(unreadable)? {
        reader.line(line.bytes);
    }
    Ok(reader.totals())
}
