//! What is wrong with hooks, as far as their files say.

use std::path::Path;

use super::installed::{self, Installed};
use super::spool::as_hooks_see;
use crate::cli::failure::Failure;
use crate::cli::hooks::location::{Files, Named};
use agentpulse_config::Config;

/// What is wrong with the hooks that are installed for this user, or in this folder, without
/// running them; None if there are no hooks. `socket`: where a running daemon listens.
///
/// # Errors
/// No home folder.
pub fn problems(config: &Config, socket: Option<&Path>) -> Result<Option<Vec<String>>, Failure> {
    let named = Files::default().all()?;
    let files: Vec<Installed> = named.iter().map(Installed::read).collect();
    if files.iter().all(Installed::has_nothing) {
        return Ok(None);
    }
    let mut problems = installed::problems(&files);
    let installed = installed::first_command(&files);
    let variables = installed.map(|(_, ours)| ours.variables);
    if let Some(seen) = as_hooks_see(&variables.unwrap_or_default()) {
        problems.extend(disagreements(&seen, config, socket));
    }
    Ok(Some(problems))
}

/// After how many days the client deletes transcripts, if the settings say so: a project's own file
/// comes before that of the project, and this before the user's.
///
/// # Errors
/// No home folder.
pub fn cleanup_days() -> Result<Option<u64>, Failure> {
    let named = Files::default().all()?;
    let read = |named: &Named| Installed::read(named).cleanup_days;
    Ok(named.iter().rev().find_map(read))
}

/// Where the hook program and the daemon do not mean the same place.
pub fn disagreements(seen: &Config, config: &Config, socket: Option<&Path>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(socket) = socket
        && socket != seen.socket.path
    {
        found.push(format!(
            "hooks write to {}, the daemon listens at {}: give both the same (AGENTPULSE_SOCKET)",
            seen.socket.path.display(),
            socket.display()
        ));
    }
    if config.spool.path != seen.spool.path {
        found.push(format!(
            "hooks spool to {}, the daemon reads {}: give both the same (AGENTPULSE_SPOOL)",
            seen.spool.path.display(),
            config.spool.path.display()
        ));
    }
    found
}
