//! `agentpulse demo`: a day of sample traffic, to see before any real agent reports.

mod cast;
mod command;
pub mod day;
mod definitions;
pub mod lines;
pub mod random;
mod replay;

pub use self::command::Demo;
