//! The settings that the flow uses, and that may change while the daemon runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::running::Timeouts;
use agentpulse_core::alert::Rules;
use agentpulse_core::execution::Catalog;
use agentpulse_core::project::ProjectNames;
use agentpulse_tasks::settings::Settings as TaskSettings;

pub struct RuntimeSettings {
    pub timeouts: Timeouts,
    /// Executions that may run at once.
    pub max_running: usize,
    /// What may be held of them, in bytes.
    pub max_running_bytes: usize,
    /// Of the journal.
    pub keep_rows: u64,
    pub keep_ms: i64,
    /// Of history: how long an id is remembered, and what hooks reported.
    pub remember_ms: i64,
    pub flush_interval: Duration,
    /// Between two checks whether Redis holds what it was given.
    pub check_interval: Duration,
    /// Where transcripts may be read, and the largest of them, in bytes.
    pub transcript_roots: Vec<PathBuf>,
    pub transcript_max_bytes: u64,
    pub project_names: ProjectNames,
    /// The home folder of the user.
    pub home: Option<PathBuf>,
    /// Folders of projects in which definitions of agents are, beside those of executions.
    pub definition_projects: Vec<PathBuf>,
    /// Folders of definitions that no client looks for.
    pub definition_library: Vec<PathBuf>,
    /// The most between two scans of them.
    pub definition_rescan: Duration,
    /// They may be written over HTTP.
    pub writes_definitions: bool,
    /// Agents that are out of use, by the names of their executions.
    pub maintenance: Vec<String>,
    /// Of factors, by name, where a request for an agent does not say.
    pub select_weights: Vec<(&'static str, f64)>,
    /// The share of the words of a task that an agent has to cover.
    pub abstain_below: f64,
    /// Words of a task are kept with a selection.
    pub keeps_terms: bool,
    /// Of the task queue.
    pub tasks: Arc<TaskSettings>,
    /// Turns of the main thread are executions.
    pub counts_main: bool,
    /// Types and prices, for what comes from now on.
    pub catalog: Arc<Catalog>,
    /// The alerts that are in force.
    pub rules: Rules,
}

impl RuntimeSettings {
    pub fn idle_ms(&self) -> i64 {
        self.timeouts.idle.as_millis() as i64
    }

    pub fn flush_interval_ms(&self) -> i64 {
        self.flush_interval.as_millis() as i64
    }
}

/// The settings as they are now: those who use them read them again each time.
pub type SettingsWatch = watch::Receiver<Arc<RuntimeSettings>>;
