//! `agentpulse bench`: what a daemon of its own does on this machine, as one table.

mod burst;
mod command;
mod load;
mod machine;
mod page;
mod parts;
mod reads;
mod result;
mod single;
mod stream;
mod subject;
mod sustained;

pub use self::command::Bench;
