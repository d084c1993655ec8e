//! Follows the definitions of agents, and finds the projects in which they are.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{error, warn};

use super::failure::Failure;
use super::parts::Parts;
use agentpulse_config::Config;
use agentpulse_contract::data_folder::REGISTRY;
use agentpulse_core::only::Only;
use agentpulse_core::project::ProjectNames;
use agentpulse_definitions::Client;
use agentpulse_pipeline::changes::{Changes, View};
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::running::Running;
use agentpulse_pipeline::settings::SettingsWatch;
use agentpulse_registry::{Keeper, Places, Recorder, Workplace, Workplaces};
use agentpulse_reports::registry::{Definitions, Past, Standings};
use agentpulse_store::history::Readers;
use agentpulse_store::registry::Store;
use agentpulse_store::sqlite::Error;
use agentpulse_transcripts::project_of;

/// Those of the settings first, then those in which something ran last.
const MAX_PROJECTS: usize = 256;
/// Of what runs, so many are asked for their projects.
const MAX_RUNNING: usize = 1_000;
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

/// # Errors
/// `registry.db` is of a newer version.
pub fn open(
    config: &Config,
    parts: &Parts,
    history: Readers,
) -> Result<(Definitions, Registrar), Failure> {
    let rescan = parts.settings.borrow().definition_rescan;
    let none = Workplaces {
        projects: Vec::new(),
        library: Vec::new(),
        rescan,
    };
    let (found, workplaces) = watch::channel(Arc::new(none));
    let home = config.privacy.home.clone().unwrap_or_else(|| "/".into());
    let (recorder, past) = past(&config.data.dir.join(REGISTRY), &home)?;
    let places = Places::new(home, config.registry.folder.clone());
    let epoch = format!("{:x}-{:x}", now_ms(), std::process::id());
    let client = Client::built_in(None);
    let counters = parts.counters.clone();
    let (handle, keeper) = Keeper::new(client, recorder, places, workplaces, counters, epoch);
    let definitions = Definitions {
        handle,
        past,
        standings: Standings::default(),
        settings: parts.settings.clone(),
    };
    let projects = Projects {
        settings: parts.settings.clone(),
        running: parts.running.clone(),
        changes: parts.changes.clone(),
        history,
        found,
    };
    Ok((definitions, Registrar { keeper, projects }))
}

/// What cannot be read is no reason not to take events: nothing is recorded then.
fn past(path: &Path, home: &Path) -> Result<(Option<Recorder>, Past), Failure> {
    let opened = || -> Result<(Recorder, Past), Error> {
        let recorder = Recorder::new(Store::open(path)?, home.to_owned())?;
        Ok((recorder, Past::of(Store::open_to_read(path)?)))
    };
    match opened() {
        Ok((recorder, past)) => Ok((Some(recorder), past)),
        Err(error) if error.is_newer() => Err(error.into()),
        Err(error) => {
            error!(%error, "versions of definitions are neither recorded nor known");
            Ok((None, Past::default()))
        }
    }
}

impl Registrar {
    /// Runs until `stop`.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        // So that the first scan has all.
        let reach = self.projects.find().await;
        tokio::select! {
            () = self.keeper.run(stop) => {}
            () = self.projects.follow(reach) => {}
        }
    }
}

impl Projects {
    async fn follow(&mut self, mut reach: Reach) {
        loop {
            tokio::select! {
                () = moved(&self.changes, reach) => {}
                Ok(()) = self.settings.changed() => {}
            }
            reach = self.find().await;
        }
    }

    /// Returns what was there before it began: what comes meanwhile is looked for the next time.
    async fn find(&mut self) -> Reach {
        let reach = Reach::of(&self.changes);
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
            library: settings.definition_library.clone(),
            rescan: settings.definition_rescan,
        };
        self.found.send_if_modified(|found| {
            let is_other = **found != next;
            if is_other {
                *found = Arc::new(next);
            }
            is_other
        });
        reach
    }
}

/// How far the executions were: those that run, and those of history.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reach {
    head: u64,
    flushed: u64,
}

impl Reach {
    fn of(changes: &Changes) -> Reach {
        Reach {
            head: changes.head(),
            flushed: changes.position(View::History),
        }
    }
}

/// Waits until something has run since.
async fn moved(changes: &Changes, reach: Reach) {
    loop {
        sleep(LOOK_EVERY).await;
        if Reach::of(changes) != reach {
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
