//! `agentpulse verify`: what was counted of sessions, beside what their client says itself.

mod command;
mod compare;
mod counted;
#[cfg(test)]
mod tests;

pub use self::command::Verify;
