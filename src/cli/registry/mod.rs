//! `agentpulse registry`: the definitions of agents.

mod check;
mod conflicts;
mod drift;
mod format;
mod list;
mod refresh;
mod show;

use clap::Subcommand;

use self::check::Check;
use self::conflicts::Conflicts;
use self::drift::Drift;
use self::list::List;
use self::refresh::Refresh;
use self::show::Show;
use super::failure::Failure;
use super::target::Target;

#[derive(Subcommand)]
pub enum RegistryCommand {
    /// Report what is wrong with definitions; exit code 1 if a client would not load one
    Check(Check),
    /// List the definitions that the daemon knows, with what was counted of each
    List(List),
    /// Show one definition
    Show(Show),
    /// Report what is wrong between the definitions that the daemon knows
    Conflicts(Conflicts),
    /// Report where definitions and executions differ
    Drift(Drift),
    /// Let the daemon scan the definitions now
    Refresh(Refresh),
}

impl RegistryCommand {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        match self {
            RegistryCommand::Check(check) => check.run(),
            RegistryCommand::List(list) => list.run(target),
            RegistryCommand::Show(show) => show.run(target),
            RegistryCommand::Conflicts(conflicts) => conflicts.run(target),
            RegistryCommand::Drift(drift) => drift.run(target),
            RegistryCommand::Refresh(refresh) => refresh.run(target),
        }
    }
}
