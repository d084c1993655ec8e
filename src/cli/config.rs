//! `agentpulse config`: the settings as they are meant, and where each comes from.

use clap::Subcommand;

use super::table::aligned;
use super::{Failure, Place, print};

#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Print every setting, its value and where it comes from
    Show,
    /// Say whether the settings are right; exit code 78 when not
    Check,
}

impl ConfigCommand {
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let config = place.load(Vec::new())?;
        match self {
            ConfigCommand::Show => {
                let rows = config.describe().into_iter().map(|(key, value, source)| {
                    let value = if value.is_empty() { "\"\"" } else { &value };
                    [key, value.to_owned(), source.to_string()]
                });
                print(&aligned(&rows.collect::<Vec<_>>()))
            }
            ConfigCommand::Check => print("the settings are right\n"),
        }
    }
}
