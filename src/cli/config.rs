//! `agentpulse config`: the settings, resolved, and where each comes from.

use clap::Subcommand;

use super::failure::Failure;
use super::output::print;
use super::table::aligned;
use super::target::Target;

#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Print every setting, its value and where it comes from
    Show,
    /// Check the settings; exit code 78 if one is wrong
    Check,
}

impl ConfigCommand {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        match self {
            ConfigCommand::Show => {
                let rows = config.describe().iter().map(|row| {
                    let value = if row.value.is_empty() {
                        "\"\""
                    } else {
                        &row.value
                    };
                    [row.key.clone(), value.to_owned(), row.source.to_string()]
                });
                print(&aligned(&rows.collect::<Vec<_>>()))
            }
            ConfigCommand::Check => print("the settings are right\n"),
        }
    }
}
