//! The command line. Every command is one file, or one folder; beside them is what they share.

mod agents;
mod audit;
mod backup;
mod bar;
mod bench;
mod command;
mod completions;
mod config;
mod costs;
mod delivery;
mod demo;
mod doctor;
mod emit;
mod event_socket;
mod executions;
mod export;
mod failure;
mod hooks;
mod import;
mod key;
mod man;
mod only;
mod output;
mod prices;
mod prune;
mod rebuild;
mod registry;
mod reload;
mod restore;
mod runtime;
mod select;
mod serve;
mod session;
mod sessions;
mod show;
mod status;
mod table;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod tools;
mod top;
mod verify;

pub use self::command::main;
