//! The registry of the daemon: what a client loads, as the files are, and how its agents do.

mod answers;
mod commands;
mod follows;
pub mod home;
mod naive;
mod plugins;
mod scale;
mod secrets;
