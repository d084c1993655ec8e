//! Reads the transcripts of executions that ended: what they used, which tools they called. The
//! stop is recorded before; the last lines of a transcript come a little after it.

mod attempt;
mod discover;
mod reader;
mod waiting;

pub use self::reader::EndedReader;
