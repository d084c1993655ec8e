//! An agent in its place.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::definition::Definition;
use crate::finding::Finding;

/// Where a definition comes from, in the order in which the client takes them; it takes none of the
/// library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Managed,
    Project,
    User,
    Plugin,
    Library,
}

impl Scope {
    pub fn name(self) -> &'static str {
        match self {
            Scope::Managed => "managed",
            Scope::Project => "project",
            Scope::User => "user",
            Scope::Plugin => "plugin",
            Scope::Library => "library",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The client loads what is shown.
    Good,
    /// The client skips the file as it is now; what is shown is what it was.
    Broken,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    pub id: String,
    pub scope: Scope,
    /// The folder that is scanned.
    pub root: PathBuf,
    pub path: PathBuf,
    /// Of the bytes of the file that is shown.
    pub version: String,
    /// When its file was written; None where it cannot be read.
    pub modified_ms: Option<i64>,
    pub definition: Arc<Definition>,
    pub findings: Vec<Finding>,
    pub state: State,
    /// Since when its root cannot be read, so that it may not be as shown.
    pub stale_since_ms: Option<i64>,
}

impl Agent {
    /// The name of its executions.
    pub fn run_name(&self) -> &str {
        &self.definition.run_name
    }
}
