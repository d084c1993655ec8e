//! `agentpulse hooks status`: what is installed where, and what became of a test event.

mod command;
mod installed;
mod problems;
mod report;
mod spool;
mod trial;

pub use self::command::Status;
pub use self::problems::{cleanup_days, problems};
pub use self::spool::Spool;
