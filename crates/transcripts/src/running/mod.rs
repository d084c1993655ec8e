//! Reads the transcripts of what runs, as they grow: what an execution has used so far.
//!
//! It is shown like a progress, and is in no number. When an execution ends its transcript is read
//! again ([`ended`](crate::ended)), and only that counts. It is no heartbeat: no deadline moves
//! because a file grows, which it may do after its agent has died.

mod missing;
mod reader;
mod stopped;
mod tail;
mod tails;

pub use self::reader::RunningReader;

#[cfg(test)]
mod tests;
