//! The registry of the daemon: what a client loads, as the files are, and how its agents do.

mod alerts;
mod answers;
mod commands;
mod detail;
mod drift;
mod follows;
pub mod home;
pub mod library;
mod naive;
mod plugins;
mod scale;
mod secrets;
mod stream;
pub mod versions;
mod writes;
mod writes_races;
mod writes_refused;
