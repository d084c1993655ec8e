//! `agentpulse restore`: a backup in the place of the data.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Place, print};
use crate::daemon;

#[derive(Args)]
pub struct Restore {
    /// A file that `agentpulse backup` wrote
    file: PathBuf,
    /// Replace the data that is there
    #[arg(long)]
    force: bool,
}

impl Restore {
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let config = place.load(Vec::new())?;
        let restored = daemon::restore(&config, &self.file, self.force)?;
        let manifest = restored.manifest;
        print(&format!(
            "restored what was backed up at {}, up to change {}; the next start makes the live \
             picture anew\n",
            manifest.created, manifest.journal_seq
        ))
    }
}
