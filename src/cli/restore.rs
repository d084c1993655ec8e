//! `agentpulse restore`: a backup in the place of the data.

use std::path::PathBuf;

use clap::Args;

use super::bar;
use super::failure::{Failure, failed};
use super::output::print;
use super::target::Target;
use agentpulse_server::daemon::{self, Keys};
use agentpulse_store::backup::Progress;

#[derive(Args)]
pub struct Restore {
    /// A file that `agentpulse backup` wrote
    file: PathBuf,
    /// Replace existing data
    #[arg(long)]
    force: bool,
}

impl Restore {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let progress = Progress::default();
        let restored = std::thread::scope(|scope| {
            let work = scope.spawn(|| daemon::restore(&config, &self.file, self.force, &progress));
            bar::wait(work, || progress.now()).map_err(|_| failed("the restore was interrupted"))
        });
        let (manifest, keys) = restored??;
        let keys = match keys {
            Keys::Restored => "its API keys are valid again: revoke those that were revoked since",
            Keys::Stayed => "the existing API keys and audit trail stay",
            Keys::Absent => "it has neither API keys nor an audit trail",
        };
        print(&format!(
            "restored the backup of {}, up to change {}; the next start rebuilds the live \
view\n{keys}\n",
            manifest.created, manifest.journal_seq
        ))
    }
}
