//! The subcommands.

use clap::Subcommand;

use super::{install, status};
use crate::cli::failure::Failure;
use crate::cli::target::Target;

#[derive(Subcommand)]
pub enum HooksCommand {
    /// Add the hooks to a settings file of Claude Code [default: ~/.claude/settings.json]
    ///
    /// All else in the file stays as it is, to the byte. The text before is kept beside it, with
    /// the ending .agentpulse-backup.
    Install(install::Install),
    /// Remove the hooks from a settings file
    ///
    /// What `install` added is removed; everything else stays as it was, to the byte. A file that
    /// holds nothing else and was made by `install` is removed.
    Uninstall(install::Uninstall),
    /// Check what is installed, and send a test event through the whole chain
    ///
    /// Exit code 1 when something is missing.
    Status(status::Status),
}

impl HooksCommand {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        match self {
            HooksCommand::Install(install) => install.run(),
            HooksCommand::Uninstall(uninstall) => uninstall.run(),
            HooksCommand::Status(status) => status.run(target),
        }
    }
}
