//! `agentpulse import`: runs that ended before the daemon was there, from what their client left.

mod command;
mod line;
mod progress;
mod summary;
#[cfg(test)]
mod tests;
mod walk;

pub use self::command::{Import, roots};
pub use self::walk::transcripts;
