//! What may be read of transcripts, by the settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::open::{Opened, Unreadable, open};
use super::prompts::Prompts;
use agentpulse_core::execution::Catalog;
use agentpulse_pipeline::settings::RuntimeSettings;

/// What may be read. It holds no handle of the writer: a slow disk must not keep the daemon from
/// ending.
pub struct Files {
    pub catalog: Arc<Catalog>,
    pub roots: Vec<PathBuf>,
    pub max_bytes: u64,
    pub prompts: Arc<Prompts>,
}

impl Files {
    /// By the settings as they are now.
    pub fn of(settings: &RuntimeSettings, prompts: &Arc<Prompts>) -> Files {
        Files {
            catalog: settings.catalog.clone(),
            roots: settings.transcript_roots.clone(),
            max_bytes: settings.transcript_max_bytes,
            prompts: prompts.clone(),
        }
    }

    pub fn open(&self, path: &Path) -> Result<Opened, Unreadable> {
        open(&self.roots, path, self.max_bytes)
    }
}
