//! What a scan found.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use agentpulse_definitions::{Agent, Finding, Reading, Registered, State, names};

use crate::file::Identity;
use crate::place::Root;
use crate::scan::Tree;

/// A file, and what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct FileReport {
    pub path: PathBuf,
    /// The same of all names of one file; None where it cannot be read.
    pub identity: Option<Identity>,
    /// When its bytes or its name changed last; None where it cannot be read.
    pub changed_ms: Option<i64>,
    pub reading: Arc<Reading>,
}

impl FileReport {
    pub fn findings(&self) -> &[Finding] {
        &self.reading.findings
    }
}

/// An agent, and which file it is of.
type Placed = (Option<Identity>, Arc<Agent>);

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub registered: Registered,
    /// All files, also those that define no agent, in the order of the scan.
    pub files: Vec<FileReport>,
    /// How many files were read for it; those that have not changed are not.
    pub files_read: usize,
    /// Folders, and files that are linked: where something may change.
    pub sources: Vec<PathBuf>,
    /// There is more than was scanned.
    pub is_cut: bool,
    /// Folders whose contents are not known.
    pub unreadable: Vec<PathBuf>,
    /// In the order of their paths.
    by_root: HashMap<Root, Vec<Placed>>,
}

impl Snapshot {
    pub(crate) fn add(&mut self, root: &Root, tree: &Tree) {
        self.registered.roots.insert(root.path.clone());
        self.sources.extend_from_slice(&tree.sources);
        self.is_cut |= tree.is_cut;
        self.unreadable.extend(tree.stale.keys().cloned());
        let mut here = Vec::new();
        for (path, known) in &tree.files {
            let identity = known.stamp.map(|(stamp, _)| stamp.identity());
            self.files.push(FileReport {
                path: path.clone(),
                identity,
                changed_ms: known.stamp.map(|(stamp, _)| stamp.changed_ms()),
                reading: known.reading.clone(),
            });
            if let Some(agent) = &known.agent {
                here.push((identity, self.register(agent)));
            }
        }
        self.by_root.insert(root.clone(), here);
    }

    /// Agents of one tree and one name get ids by their paths, all but the first.
    fn register(&mut self, agent: &Arc<Agent>) -> Arc<Agent> {
        let mut agent = agent.clone();
        if self.registered.agents.contains_key(&agent.id) {
            let path = agent.path.to_string_lossy();
            let id = names::agent_id(agent.scope.name(), &path, agent.run_name());
            agent = Arc::new(Agent {
                id,
                ..Agent::clone(&agent)
            });
        }
        let id = agent.id.clone();
        self.registered.agents.insert(id, agent.clone());
        agent
    }

    /// The agents that the client loads from each of these places: of a file that is in several of
    /// them, from the first.
    pub fn trees(&self, roots: &[Root]) -> Vec<Vec<&Agent>> {
        let mut seen = HashSet::new();
        let mut of_root = |root: &Root| {
            let all = self.by_root.get(root).into_iter().flatten();
            let first = all.filter(|(identity, _)| identity.is_none_or(|file| seen.insert(file)));
            let agents = first.map(|(_, agent)| agent.as_ref());
            agents.filter(|agent| agent.state == State::Good).collect()
        };
        roots.iter().map(&mut of_root).collect()
    }

    /// Whether there is an agent in that place.
    pub fn has_agents(&self, root: &Root) -> bool {
        self.by_root
            .get(root)
            .is_some_and(|agents| !agents.is_empty())
    }
}
