//! The places in which the client looks for definitions, in its order.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use agentpulse_definitions::{Client, Scope, names};

use crate::plugin;

#[cfg(target_os = "macos")]
const MANAGED: &str = "/Library/Application Support/ClaudeCode";
#[cfg(not(target_os = "macos"))]
const MANAGED: &str = "/etc/claude-code";

const CONFIG: &str = ".claude";
const AGENTS: &str = "agents";
/// Folders from the first one upwards.
const MAX_FOLDERS: usize = 64;

/// A folder of definitions, or one file of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Root {
    pub scope: Scope,
    pub path: PathBuf,
    /// The name of the plugin.
    pub plugin: Option<String>,
}

impl Root {
    /// What a folder holds that is named by itself: a plugin, a project, or definitions; or a file.
    pub fn of(path: &Path) -> Vec<Root> {
        if let Some(plugin) = plugin::name_of(path) {
            return plugin::of_folder(&plugin, path);
        }
        let of_project = path.join(CONFIG).join(AGENTS);
        let agents = if of_project.is_dir() {
            of_project
        } else {
            path.to_owned()
        };
        vec![Root::new(Scope::Project, agents)]
    }

    /// What stands before the name of an agent of a plugin that is in this file.
    pub(crate) fn prefix(&self, file: &Path) -> Option<String> {
        let plugin = self.plugin.as_deref()?;
        let folder = file.strip_prefix(&self.path).ok().and_then(Path::parent);
        let folders = folder.into_iter().flat_map(Path::components);
        let folders = folders.filter_map(|part| part.as_os_str().to_str());
        Some(names::prefix(plugin, folders))
    }

    pub fn agent_id(&self, run_name: &str) -> String {
        names::agent_id(self.scope.name(), &self.path.to_string_lossy(), run_name)
    }

    pub(crate) fn new(scope: Scope, path: PathBuf) -> Root {
        Root {
            scope,
            path,
            plugin: None,
        }
    }
}

/// Where the client of a user keeps its own files.
#[derive(Clone, Debug)]
pub struct Places {
    managed: PathBuf,
    home: PathBuf,
    /// `~/.claude`, or the folder in its place.
    config: PathBuf,
}

impl Places {
    pub fn new(home: PathBuf, config: Option<PathBuf>) -> Places {
        Places {
            managed: MANAGED.into(),
            config: config.unwrap_or_else(|| home.join(CONFIG)),
            home,
        }
    }

    /// As if the files of the whole machine were here.
    #[must_use]
    pub fn managed_in(mut self, folder: PathBuf) -> Places {
        self.managed = folder;
        self
    }

    /// The places of a client that works in a folder, those whose names win first. They need not
    /// exist.
    pub fn roots(&self, folder: &Path, client: &Client) -> Vec<Root> {
        let managed = self.managed.join(CONFIG).join(AGENTS);
        let mut roots = vec![Root::new(Scope::Managed, managed)];
        let mut projects = self.projects(folder);
        if !client.nearest_wins() {
            projects.reverse();
        }
        let of_project = |project: &PathBuf| project.join(CONFIG).join(AGENTS);
        roots.extend(
            projects
                .iter()
                .map(|project| Root::new(Scope::Project, of_project(project))),
        );
        roots.push(Root::new(Scope::User, self.config.join(AGENTS)));
        roots.extend(plugin::roots(&self.config, &projects));
        roots
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Files and folders that decide where definitions are, for clients that work in these folders.
    /// They need not exist.
    pub fn deciding<'f>(&self, folders: impl Iterator<Item = &'f Path>) -> BTreeSet<PathBuf> {
        let mut paths = BTreeSet::from([self.config.clone(), self.managed.join(CONFIG)]);
        paths.extend(plugin::deciding(&self.config));
        for project in folders.flat_map(|folder| self.projects(folder)) {
            paths.extend(plugin::settings(&project));
            paths.insert(project.join(CONFIG));
            paths.insert(project);
        }
        paths
    }

    /// The folder and those above it, up to the top of its repository, or below the home folder.
    fn projects(&self, folder: &Path) -> Vec<PathBuf> {
        let mut projects = Vec::new();
        for above in folder.ancestors().take(MAX_FOLDERS) {
            // The home folder's is the user's own.
            if above == self.home || above.join(CONFIG) == self.config {
                break;
            }
            projects.push(above.to_owned());
            if above.join(".git").exists() {
                break;
            }
        }
        projects
    }
}
