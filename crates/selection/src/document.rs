//! What the index needs of an agent's definition.

use std::sync::Arc;

use agentpulse_core::error::Rejection;
use agentpulse_core::limits::{MAX_ITEMS, MAX_NAME_BYTES};

/// Longer than any description that a client loads whole.
pub const MAX_DESCRIPTION_BYTES: usize = 8_192;
pub const MAX_HEADINGS: usize = 64;

/// An agent's definition, as far as it says what the agent is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Of one definition: two projects may have agents of one name.
    pub id: Arc<str>,
    /// The name by which the client launches it.
    pub run_name: Arc<str>,
    pub description: String,
    pub headings: Vec<String>,
    /// `*` stands for every tool.
    pub tools: Vec<String>,
    pub mcp_servers: Vec<String>,
    pub skills: Vec<String>,
    pub agent_type: String,
}

impl Document {
    /// Names the field and the bound.
    pub(crate) fn check(&self) -> Result<(), Rejection> {
        let names = [
            ("id", &*self.id),
            ("run_name", &*self.run_name),
            ("type", &self.agent_type),
        ];
        for (field, name) in names {
            bytes(field, name, MAX_NAME_BYTES)?;
        }
        bytes("description", &self.description, MAX_DESCRIPTION_BYTES)?;
        list("headings", &self.headings, MAX_HEADINGS)?;
        list("tools", &self.tools, MAX_ITEMS)?;
        list("mcp_servers", &self.mcp_servers, MAX_ITEMS)?;
        list("skills", &self.skills, MAX_ITEMS)
    }

    pub(crate) fn has_tool(&self, tool: &str) -> bool {
        let is_listed = |name: &String| name == tool || name == "*";
        self.tools.iter().any(is_listed)
    }
}

pub(crate) fn list(field: &str, items: &[String], most: usize) -> Result<(), Rejection> {
    let count = items.len();
    if count > most {
        return Err(Rejection::new(format!(
            "{field}: {count} items, at most {most}"
        )));
    }
    let mut items = items.iter();
    items.try_for_each(|item| bytes(field, item, MAX_NAME_BYTES))
}

pub(crate) fn bytes(field: &str, text: &str, most: usize) -> Result<(), Rejection> {
    let count = text.len();
    if count > most {
        return Err(Rejection::new(format!(
            "{field}: {count} bytes, at most {most}"
        )));
    }
    Ok(())
}
