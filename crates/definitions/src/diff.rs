//! What changed between two looks at the same places.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;

use crate::agent::{Agent, Scope};

/// The agents by their ids, and the places that were scanned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registered {
    pub agents: BTreeMap<String, Arc<Agent>>,
    pub roots: BTreeSet<PathBuf>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Registered(Arc<Agent>),
    Updated {
        agent: Arc<Agent>,
        /// The fields that are not as they were.
        changed: Vec<String>,
    },
    Deregistered {
        agent: Arc<Agent>,
        reason: Reason,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    Deleted,
    /// An agent of its name and its bytes has appeared in another place.
    MovedAway,
    /// Its file has another name in it.
    Renamed,
    RootGone,
    PluginDisabled,
}

/// In the order of the ids.
pub fn diff(before: &Registered, after: &Registered) -> Vec<Change> {
    let mut changes = Vec::new();
    for (id, agent) in &before.agents {
        if !after.agents.contains_key(id) {
            let agent = agent.clone();
            let reason = reason(&agent, before, after);
            changes.push(Change::Deregistered { agent, reason });
        }
    }
    for (id, agent) in &after.agents {
        match before.agents.get(id) {
            None => changes.push(Change::Registered(agent.clone())),
            Some(old) if Arc::ptr_eq(old, agent) || old == agent => {}
            Some(old) => changes.push(Change::Updated {
                agent: agent.clone(),
                changed: changed(old, agent),
            }),
        }
    }
    changes
}

fn reason(agent: &Agent, before: &Registered, after: &Registered) -> Reason {
    let is_new = |other: &&Arc<Agent>| !before.agents.contains_key(&other.id);
    let mut news = after.agents.values().filter(is_new);
    let has_path = |path: &Path| after.agents.values().any(|other| other.path == path);
    if !after.roots.contains(&agent.root) {
        return match agent.scope {
            Scope::Plugin => Reason::PluginDisabled,
            _ => Reason::RootGone,
        };
    }
    let is_it =
        |other: &Arc<Agent>| other.run_name() == agent.run_name() && other.version == agent.version;
    // Before the path: a file may be taken for one of another place.
    if news.any(is_it) {
        return Reason::MovedAway;
    }
    match has_path(&agent.path) {
        true => Reason::Renamed,
        false => Reason::Deleted,
    }
}

fn changed(old: &Agent, new: &Agent) -> Vec<String> {
    let mut changed = Vec::new();
    let mut compare = |name: &str, is_equal: bool| {
        if !is_equal {
            changed.push(name.to_owned());
        }
    };
    compare("path", old.path == new.path);
    compare("state", old.state == new.state);
    compare("stale_since", old.stale_since_ms == new.stale_since_ms);
    compare("modified", old.modified_ms == new.modified_ms);
    compare("findings", old.findings == new.findings);
    let (one, two) = (&old.definition, &new.definition);
    compare("description", one.description == two.description);
    let fields = |config| match serde_json::to_value(config) {
        Ok(Json::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (one_config, two_config) = (fields(&one.config), fields(&two.config));
    for (name, value) in &two_config {
        compare(name, one_config.get(name) == Some(value));
    }
    compare("body", one.body == two.body);
    // Bytes that mean nothing else.
    compare("version", old.version == new.version);
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::State;
    use crate::reading::Outcome;
    use crate::tests::fields::reading;

    fn agent(id: &str, root: &str, file: &str, text: &str) -> Arc<Agent> {
        let Outcome::Agent(definition) = reading(text).outcome else {
            panic!("an agent");
        };
        Arc::new(Agent {
            id: id.to_owned(),
            scope: if root.starts_with("/p") {
                Scope::Plugin
            } else {
                Scope::User
            },
            root: root.into(),
            path: format!("{root}/{file}").into(),
            version: text.len().to_string(),
            modified_ms: None,
            definition: Arc::new(*definition),
            findings: Vec::new(),
            state: State::Good,
            stale_since_ms: None,
        })
    }

    fn registered(agents: &[Arc<Agent>], roots: &[&str]) -> Registered {
        Registered {
            agents: agents
                .iter()
                .map(|agent| (agent.id.clone(), agent.clone()))
                .collect(),
            roots: roots.iter().map(PathBuf::from).collect(),
        }
    }

    #[test]
    fn what_is_not_as_it_was_is_named() {
        let text = "---\nname: a\ndescription: x\nmodel: opus\n---\nbody";
        let old = agent("1", "/r", "a.md", text);
        let new = agent(
            "1",
            "/r",
            "sub/a.md",
            &text.replace("opus", "haiku").replace("body", "more"),
        );
        let before = registered(std::slice::from_ref(&old), &["/r"]);
        assert_eq!(diff(&before, &before), []);
        let changed = ["path", "model", "body", "version"]
            .map(str::to_owned)
            .to_vec();
        let after = registered(std::slice::from_ref(&new), &["/r"]);
        assert_eq!(
            diff(&before, &after),
            [Change::Updated {
                agent: new,
                changed
            }]
        );
        let nothing = registered(&[], &["/r"]);
        assert_eq!(diff(&nothing, &before), [Change::Registered(old)]);
    }

    #[test]
    fn an_agent_goes_for_a_reason() {
        let text = "---\nname: a\ndescription: x\n---\n";
        let (user, plugin) = (
            agent("1", "/r", "a.md", text),
            agent("2", "/p", "a.md", text),
        );
        let before = registered(&[user.clone(), plugin.clone()], &["/r", "/p"]);
        let renamed = agent("3", "/r", "a.md", &text.replace("name: a", "name: b"));
        let moved = agent("4", "/q", "b.md", text);
        let kept = std::slice::from_ref(&plugin);
        let reason = |after: Registered| match &diff(&before, &after)[0] {
            Change::Deregistered { agent, reason } => (agent.id.clone(), *reason),
            other => panic!("{other:?}"),
        };
        let of_user = |reason| ("1".to_owned(), reason);
        assert_eq!(
            reason(registered(kept, &["/r", "/p"])),
            of_user(Reason::Deleted)
        );
        assert_eq!(reason(registered(kept, &["/p"])), of_user(Reason::RootGone));
        let after = registered(&[plugin.clone(), renamed], &["/r", "/p"]);
        assert_eq!(reason(after), of_user(Reason::Renamed));
        let after = registered(&[plugin, moved], &["/r", "/p", "/q"]);
        assert_eq!(reason(after), of_user(Reason::MovedAway));
        let after = registered(&[user], &["/r"]);
        assert_eq!(reason(after), ("2".to_owned(), Reason::PluginDisabled));
    }
}
