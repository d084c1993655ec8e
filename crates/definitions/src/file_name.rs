//! What the place of a file says of its agent, and how agents are named.

use agentpulse_sources::clean_name;

use crate::extra::{MAX_VALUE_CHARS, clean};

/// What the place of a file says of it.
#[derive(Clone, Copy, Debug)]
pub struct FileName<'f> {
    /// Without `.md`.
    pub stem: &'f str,
    /// Of an agent of a plugin: what stands before its name where it runs. It has the name of its
    /// file if it names none.
    pub prefix: Option<&'f str>,
}

impl FileName<'_> {
    pub fn is_of_plugin(&self) -> bool {
        self.prefix.is_some()
    }

    /// As executions of it are named.
    pub fn run_name(&self, name: &str) -> String {
        named(&format!("{}{name}", self.prefix.unwrap_or_default()))
    }
}

/// As names of agents are that arrive in events; no event has one that is no name there.
pub fn named(name: &str) -> String {
    clean_name(name.to_owned()).unwrap_or_else(|| clean(name, MAX_VALUE_CHARS))
}
