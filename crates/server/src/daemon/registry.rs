//! Follows the definitions of agents, and finds the projects in which they are.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::warn;

use super::parts::Parts;
use agentpulse_config::Config;
use agentpulse_core::only::Only;
use agentpulse_core::project::ProjectNames;
use agentpulse_definitions::Client;
use agentpulse_pipeline::changes::Changes;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::running::Running;
use agentpulse_pipeline::settings::SettingsWatch;
use agentpulse_registry::{Keeper, Places, Workplace, Workplaces};
use agentpulse_reports::registry::Definitions;
use agentpulse_store::history::Readers;
use agentpulse_transcripts::project_of;

/// Those of the settings first, then those in which something ran last.
const MAX_PROJECTS: usize = 256;
/// Of what runs, so many are asked for their projects.
const MAX_RUNNING: usize = 1_000;
/// An execution is in the history some seconds after its end.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What is to be started.
pub struct Registrar {
    keeper: Keeper,
    projects: Projects,
}

/// The projects that are known.
struct Projects {
    settings: SettingsWatch,
    running: Arc<Running>,
    changes: Arc<Changes>,
    history: Readers,
    found: watch::Sender<Arc<Workplaces>>,
}

pub fn open(config: &Config, parts: &Parts, history: Readers) -> (Definitions, Registrar) {
    let rescan = parts.settings.borrow().definition_rescan;
    let none = Workplaces {
        projects: Vec::new(),
        rescan,
    };
    let (found, workplaces) = watch::channel(Arc::new(none));
    let home = config.privacy.home.clone().unwrap_or_else(|| "/".into());
    let places = Places::new(home, config.registry.folder.clone());
    let epoch = format!("{:x}-{:x}", now_ms(), std::process::id());
    let client = Client::built_in(None);
    let counters = parts.counters.clone();
    let (handle, keeper) = Keeper::new(client, places, workplaces, counters, epoch);
    let definitions = Definitions {
        handle,
        settings: parts.settings.clone(),
    };
    let projects = Projects {
        settings: parts.settings.clone(),
        running: parts.running.clone(),
        changes: parts.changes.clone(),
        history,
        found,
    };
    (definitions, Registrar { keeper, projects })
}

impl Registrar {
    /// Runs until `stop`.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        // So that the first scan has all.
        self.projects.find().await;
        tokio::select! {
            () = self.keeper.run(stop) => {}
            () = self.projects.follow() => {}
        }
    }
}

impl Projects {
    async fn follow(&mut self) {
        loop {
            let head = self.changes.head();
            tokio::select! {
                () = moved(&self.changes, head) => {}
                Ok(()) = self.settings.changed() => {}
            }
            self.find().await;
        }
    }

    /// What history does not say now, it says the next time.
    async fn find(&mut self) {
        let settings = self.settings.borrow_and_update().clone();
        let mut names = Vec::new();
        if settings.project_names == ProjectNames::Name {
            let (running, _) = self.running.page(&Only::default(), None, MAX_RUNNING);
            names.extend(
                running
                    .into_iter()
                    .filter_map(|run| run.known.project.clone()),
            );
            match self
                .history
                .run(|reader| reader.projects(MAX_PROJECTS))
                .await
            {
                Ok(projects) => names.extend(projects),
                Err(error) => warn!(%error, "the projects of executions cannot be read"),
            }
        }
        let home = settings.home.clone();
        let (folders, keep) = (settings.definition_projects.clone(), settings.project_names);
        let named = spawn_blocking(move || {
            let named = folders.into_iter().filter_map(|folder| {
                let project = project_of(&folder, home.as_deref())?;
                Some(Workplace {
                    project: keep.keep(project),
                    folder,
                })
            });
            named.collect::<Vec<_>>()
        });
        let mut projects = named.await.unwrap_or_default();
        let home = settings.home.as_deref();
        projects.extend(names.into_iter().filter_map(|project| {
            let folder = folder_of(&project, home)?;
            Some(Workplace {
                project: Some(project),
                folder,
            })
        }));
        let mut seen = HashSet::new();
        projects.retain(|one| seen.insert(one.folder.clone()));
        projects.truncate(MAX_PROJECTS);
        let next = Workplaces {
            projects,
            rescan: settings.definition_rescan,
        };
        self.found.send_if_modified(|found| {
            let is_other = **found != next;
            if is_other {
                *found = Arc::new(next);
            }
            is_other
        });
    }
}

/// Waits until something has run since.
async fn moved(changes: &Changes, head: u64) {
    loop {
        sleep(LOOK_EVERY).await;
        if changes.head() != head {
            return;
        }
    }
}

/// Where a project is that has this name. What was redacted in it leads nowhere.
fn folder_of(project: &str, home: Option<&Path>) -> Option<PathBuf> {
    let folder = match project.strip_prefix('~') {
        Some(below) => home?.join(below.trim_start_matches('/')),
        None => PathBuf::from(project),
    };
    folder.is_absolute().then_some(folder)
}
