//! `agentpulse bench`: what a daemon of its own does on this machine, as one table.

mod at_rest;
mod burst;
mod command;
mod definitions;
mod disk;
mod earlier;
mod load;
mod machine;
mod memory;
mod page;
mod reads;
mod result;
mod scripts;
mod single;
mod storm;
mod stream;
mod subject;
mod sustained;
mod table;

pub use self::command::Bench;
