//! `agentpulse hooks`: adds the hook program to a coding agent's settings, removes it, and
//! says whether events arrive.

mod command;
mod document;
mod edit;
mod file;
mod hook_command;
mod install;
mod json;
mod layout;
mod location;
pub mod status;
#[cfg(test)]
mod tests;

pub use self::command::HooksCommand;
