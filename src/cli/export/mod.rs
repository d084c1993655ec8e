//! `agentpulse export`: ended executions, oldest end first, for other programs.

mod command;
mod csv;

pub use self::command::{Export, parse_day};
