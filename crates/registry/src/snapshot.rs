//! What a scan found.

use std::path::PathBuf;
use std::sync::Arc;

use agentpulse_definitions::{Agent, Finding, Reading, Registered, State};

use crate::place::Root;

/// A file, and what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct FileReport {
    pub path: PathBuf,
    pub reading: Arc<Reading>,
}

impl FileReport {
    pub fn findings(&self) -> &[Finding] {
        &self.reading.findings
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub registered: Registered,
    /// All files, also those that define no agent, in the order of the scan.
    pub files: Vec<FileReport>,
    /// How many files were read for it; those that have not changed are not.
    pub files_read: usize,
}

impl Snapshot {
    /// The agents that the client loads from each of these places.
    pub fn trees(&self, roots: &[Root]) -> Vec<Vec<&Agent>> {
        let of_root = |root: &Root| {
            let all = self.registered.agents.values().map(Arc::as_ref);
            let here = all.filter(|agent| agent.root == root.path && agent.scope == root.scope);
            let mut here: Vec<&Agent> = here.filter(|agent| agent.state == State::Good).collect();
            here.sort_by(|a, b| a.path.cmp(&b.path));
            here
        };
        roots.iter().map(of_root).collect()
    }
}
