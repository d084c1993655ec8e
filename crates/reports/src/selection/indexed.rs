//! The words of the definitions, as they are at one moment.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::warn;

use agentpulse_core::agent_type::AgentTypes;
use agentpulse_core::limits::{MAX_ITEMS, MAX_NAME_BYTES};
use agentpulse_core::text::begin;
use agentpulse_definitions::{Agent, Definition, Scope};
use agentpulse_registry::Current;
use agentpulse_selection::document::{Document, MAX_DESCRIPTION_BYTES, MAX_HEADINGS};
use agentpulse_selection::index::Index;
use agentpulse_selection::select::Selector;

/// Of the texts of all definitions; those beyond it, in the order of their ids, are left out.
const MAX_TEXT_BYTES: usize = 32 << 20;
/// A definition without a list of tools has all.
const ALL_TOOLS: &str = "*";

#[derive(Default)]
pub struct Indexed {
    pub seq: u64,
    pub index: Index,
    /// By id.
    definitions: HashMap<String, Arc<Definition>>,
    /// The ids of each name; those of the library where it is no other's.
    names: HashMap<String, Vec<String>>,
}

impl Indexed {
    /// The same after the definitions have changed: what is as before is not read again.
    pub fn after(&self, current: &Current, selector: &Selector, types: &AgentTypes) -> Indexed {
        let agents = &current.snapshot.registered.agents;
        let mut next = Indexed {
            seq: current.seq,
            index: self.index.clone(),
            ..Indexed::default()
        };
        let (mut bytes, mut left_out) = (0, 0);
        for agent in agents.values() {
            let (id, definition) = (&agent.id, &agent.definition);
            let known = self.definitions.get(id);
            let is_known =
                known.is_some_and(|known| Arc::ptr_eq(known, definition) || known == definition);
            let document = document(agent, types);
            bytes += text_bytes(&document);
            let has_room = bytes <= MAX_TEXT_BYTES;
            let put = |index: &mut Index| {
                let replaced = index.replace(document, &selector.words, &selector.phases);
                replaced.is_ok()
            };
            if has_room && (is_known || put(&mut next.index)) {
                next.definitions.insert(id.clone(), definition.clone());
            } else {
                left_out += 1;
            }
        }
        next.names = names(current);
        for id in self.definitions.keys() {
            if !next.definitions.contains_key(id) {
                next.index.remove(id);
            }
        }
        if left_out > 0 {
            warn!(
                left_out,
                "definitions cannot be selected: too many, or too long"
            );
        }
        next
    }

    /// The definition that alone has this name.
    pub fn id_of(&self, run_name: &str) -> Option<&str> {
        match self.names.get(run_name)?.as_slice() {
            [id] => Some(id),
            _ => None,
        }
    }

    /// Whether several definitions have this name.
    pub fn is_shared(&self, run_name: &str) -> bool {
        self.names.get(run_name).is_some_and(|ids| ids.len() > 1)
    }
}

fn names(current: &Current) -> HashMap<String, Vec<String>> {
    let (mut names, mut of_library) = (HashMap::new(), HashMap::new());
    for (id, agent) in &current.snapshot.registered.agents {
        let names: &mut HashMap<String, Vec<String>> = match agent.scope {
            Scope::Library => &mut of_library,
            _ => &mut names,
        };
        let ids = names.entry(agent.run_name().to_owned());
        ids.or_default().push(id.clone());
    }
    for (name, ids) in of_library {
        names.entry(name).or_insert(ids);
    }
    names
}

fn document(agent: &Agent, types: &AgentTypes) -> Document {
    let definition = &agent.definition;
    let config = &definition.config;
    let names = |list: &[String], most: usize| -> Vec<String> {
        let short = list.iter().filter(|name| name.len() <= MAX_NAME_BYTES);
        short.take(most).cloned().collect()
    };
    let tools = match &config.tools {
        None => vec![ALL_TOOLS.to_owned()],
        Some(tools) => {
            let tools: Vec<String> = tools
                .iter()
                .map(|tool| tool_name(tool).to_owned())
                .collect();
            names(&tools, MAX_ITEMS)
        }
    };
    Document {
        id: agent.id.as_str().into(),
        run_name: agent.run_name().into(),
        description: begin(&definition.description, MAX_DESCRIPTION_BYTES).to_owned(),
        headings: names(&definition.body.headings, MAX_HEADINGS),
        tools,
        mcp_servers: names(&config.mcp_servers, MAX_ITEMS),
        skills: names(&config.skills, MAX_ITEMS),
        agent_type: types.classify(agent.run_name()).to_owned(),
    }
}

/// `Bash(git:*)` is Bash.
pub fn tool_name(tool: &str) -> &str {
    tool.split('(').next().unwrap_or(tool)
}

fn text_bytes(document: &Document) -> usize {
    let lists = [
        &document.headings,
        &document.tools,
        &document.mcp_servers,
        &document.skills,
    ];
    let lists = lists.into_iter().flatten().map(String::len);
    document.description.len() + lists.sum::<usize>()
}
