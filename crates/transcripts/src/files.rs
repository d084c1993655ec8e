//! What may be read of transcripts, by the settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::indexes::Indexes;
use super::open::{Opened, Unreadable, open};
use super::project::project_of;
use agentpulse_core::execution::Catalog;
use agentpulse_core::project::ProjectNames;
use agentpulse_pipeline::settings::RuntimeSettings;
use agentpulse_sources::claude_code::transcript::TurnLines;

/// What may be read. It holds no handle of the writer: a slow disk must not keep the daemon from
/// ending.
pub struct Files {
    pub catalog: Arc<Catalog>,
    pub roots: Vec<PathBuf>,
    pub max_bytes: u64,
    pub indexes: Arc<Indexes>,
    pub project_names: ProjectNames,
    /// The home folder of the user.
    pub home: Option<PathBuf>,
}

impl Files {
    /// By the settings as they are now.
    pub fn of(settings: &RuntimeSettings, indexes: &Arc<Indexes>) -> Files {
        Files {
            catalog: settings.catalog.clone(),
            roots: settings.transcript_roots.clone(),
            max_bytes: settings.transcript_max_bytes,
            indexes: indexes.clone(),
            project_names: settings.project_names,
            home: settings.home.clone(),
        }
    }

    /// What is kept of the project in which a turn began. Blocks.
    pub fn project(&self, lines: &TurnLines) -> Option<String> {
        let name = project_of(Path::new(lines.folder()?), self.home.as_deref())?;
        self.project_names.keep(name)
    }

    pub fn open(&self, path: &Path) -> Result<Opened, Unreadable> {
        open(&self.roots, path, self.max_bytes)
    }
}
