//! The folders in which clients are started, as far as they are known.

use std::path::PathBuf;
use std::time::Duration;

use agentpulse_definitions::{Client, Scope};

use crate::current::Site;
use crate::place::{Places, Root};

/// A project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workplace {
    /// The name that executions have; None where names are not kept.
    pub project: Option<String>,
    pub folder: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workplaces {
    pub projects: Vec<Workplace>,
    /// Folders of definitions that no client looks for.
    pub library: Vec<PathBuf>,
    /// The most between two scans.
    pub rescan: Duration,
}

impl Workplaces {
    /// The user's own places first.
    pub(crate) fn sites(&self, places: &Places, client: &Client) -> Vec<Site> {
        let own = Site {
            project: None,
            folder: places.home().to_owned(),
            roots: places.roots(places.home(), client),
        };
        let site = |workplace: &Workplace| Site {
            project: workplace.project.clone(),
            folder: workplace.folder.clone(),
            roots: places.roots(&workplace.folder, client),
        };
        [own]
            .into_iter()
            .chain(self.projects.iter().map(site))
            .collect()
    }

    pub(crate) fn library(&self) -> Vec<Root> {
        let root = |folder: &PathBuf| Root::new(Scope::Library, folder.clone());
        self.library.iter().map(root).collect()
    }
}
