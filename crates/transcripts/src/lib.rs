//! Opens and reads the transcripts that coding agents write: when an execution has ended, what it
//! used, which counts; while it runs, what it has used so far, which is only shown.
//!
//! The path of a transcript comes from outside: `open` decides what may be opened.

mod ended;
mod files;
mod find;
mod followed;
mod indexes;
pub mod layout;
mod lines;
mod open;
mod originals;
mod project;
mod prompts;
mod read;
mod running;
mod said;
mod seen;
mod sidecar;
mod turn_before;

pub use self::ended::EndedReader;
pub use self::indexes::Indexes;
pub use self::open::Unreadable;
pub use self::project::project_of;
pub use self::read::{client_totals, main_turns, turns};
pub use self::running::RunningReader;
pub use self::sidecar::{MAX_SIDECAR_BYTES, sidecar};

#[cfg(test)]
mod tests;
