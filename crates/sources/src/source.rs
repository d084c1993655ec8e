//! The coding agents whose hooks are understood, one row each.

use super::claude_code;
use super::fields::Fields;
use agentpulse_core::error::Rejection;
use agentpulse_core::event::Event;

/// A coding agent whose hooks are understood.
pub struct Source {
    /// As an event names it.
    pub name: &'static str,
    pub(crate) translate: Translate,
}

/// Takes the fields of a projected payload, the hash of its line, and the moment at which the hook
/// program saw it.
pub(crate) type Translate = fn(&Fields, u64, i64) -> Result<Event, Rejection>;

pub const SOURCES: [Source; 1] = [Source {
    name: claude_code::NAME,
    translate: claude_code::translate,
}];

pub fn names() -> [&'static str; SOURCES.len()] {
    SOURCES.map(|source| source.name)
}
