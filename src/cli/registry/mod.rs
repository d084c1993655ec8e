//! `agentpulse registry`: the definitions of agents.

mod check;
mod format;

use clap::Subcommand;

use self::check::Check;
use super::failure::Failure;

#[derive(Subcommand)]
pub enum RegistryCommand {
    /// Report what is wrong with definitions; exit code 1 if a client would not load one
    Check(Check),
}

impl RegistryCommand {
    pub fn run(self) -> Result<(), Failure> {
        match self {
            RegistryCommand::Check(check) => check.run(),
        }
    }
}
