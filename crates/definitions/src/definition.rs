//! What a definition says, as the client understands it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::body::Body;
use crate::extra::{MAX_ENTRY_CHARS, clean};
use crate::meaning::{Meaning, Meanings};
use crate::place::Place;

/// Texts are redacted; of the prompt there are figures only.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Definition {
    pub name: String,
    /// The name under which it runs, as executions have it.
    pub run_name: String,
    /// Of the name; the start of the file, if that gives the name.
    #[serde(skip)]
    pub name_place: Place,
    pub description: String,
    /// What every session pays for it; estimated.
    pub description_tokens: usize,
    pub config: Config,
    pub body: Body,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Config {
    pub model: Option<String>,
    /// None: all that agents have.
    pub tools: Option<Vec<String>>,
    pub disallowed_tools: Vec<String>,
    pub mcp_servers: Vec<String>,
    pub skills: Vec<String>,
    pub permission_mode: Option<String>,
    pub max_turns: Option<u32>,
    pub memory: Option<String>,
    pub background: Option<bool>,
    pub effort: Option<String>,
    pub isolation: Option<String>,
    pub color: Option<String>,
    pub has_hooks: bool,
    /// What the client does not know.
    pub extra: BTreeMap<String, Json>,
}

impl Config {
    pub fn of(mut meanings: Meanings, extra: BTreeMap<String, Json>) -> Config {
        let mut text = |field| match meanings.remove(field) {
            Some(Meaning::Text(text)) => Some(clean(&text, MAX_ENTRY_CHARS)),
            _ => None,
        };
        let (model, memory, color) = (text("model"), text("memory"), text("color"));
        let (permission_mode, effort) = (text("permissionMode"), text("effort"));
        let isolation = text("isolation");
        let mut list = |field| match meanings.remove(field) {
            Some(Meaning::List(entries)) => {
                let entries = entries.iter();
                let texts = entries.map(|entry| clean(&entry.text, MAX_ENTRY_CHARS));
                Some(texts.collect())
            }
            _ => None,
        };
        let tools = list("tools").filter(|tools: &Vec<String>| *tools != ["*"]);
        Config {
            model,
            tools,
            disallowed_tools: list("disallowedTools").unwrap_or_default(),
            mcp_servers: list("mcpServers").unwrap_or_default(),
            skills: list("skills").unwrap_or_default(),
            permission_mode,
            max_turns: match meanings.get("maxTurns") {
                Some(Meaning::Count(count)) => Some(*count),
                _ => None,
            },
            memory,
            background: match meanings.get("background") {
                Some(Meaning::Flag(flag)) => Some(*flag),
                _ => None,
            },
            effort,
            isolation,
            color,
            has_hooks: meanings.contains_key("hooks"),
            extra,
        }
    }
}
