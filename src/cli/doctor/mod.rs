//! `agentpulse doctor`: checks everything that the daemon depends on. Each finding is one line; an
//! error says how to fix it, and a hint what could be better.

mod age;
mod answer;
mod command;
mod daemon;
mod finding;
mod folders;
mod hooks;
mod limits;
mod redis;
mod server;
mod settings;
mod spool;
mod transcripts;
mod zone;

pub use self::command::Doctor;
