//! The tables of agent types and of prices: the files that the settings name, else our own. Of the
//! prices there can be a newer table in the data folder.

use std::path::{Path, PathBuf};

use super::config::read_file;
use super::error::ConfigError;
use super::resolve::{Resolver, reloaded};
use super::section::Data;
use agentpulse_contract::data_folder::PRICES;
use agentpulse_core::agent_type::AgentTypes;
use agentpulse_core::price::Prices;

#[derive(Clone, Debug, PartialEq)]
pub struct Tables {
    pub agent_types: Option<PathBuf>,
    /// The setting.
    pub prices: Option<PathBuf>,
    /// What `agentpulse prices update` took, if it took one.
    pub newer_prices: PathBuf,
}

impl Tables {
    pub(super) fn read(r: &mut Resolver, data: &Data) -> Result<Tables, ConfigError> {
        Ok(Tables {
            agent_types: r.optional_path(reloaded("tables.agent_types"))?,
            prices: r.optional_path(reloaded("tables.prices"))?,
            newer_prices: data.dir.join(PRICES),
        })
    }

    /// The file of the prices; `None`: the table that is built in.
    pub fn prices_file(&self) -> Option<&Path> {
        let newer = || Some(self.newer_prices.as_path()).filter(|path| path.exists());
        self.prices.as_deref().or_else(newer)
    }

    /// # Errors
    /// A file that cannot be read, and the first thing in it that is wrong.
    pub fn prices(&self) -> Result<Prices, ConfigError> {
        let read = |path| table(path, Prices::parse);
        self.prices_file()
            .map_or_else(|| Ok(Prices::default()), read)
    }

    /// # Errors
    /// A file that cannot be read, and the first thing in it that is wrong.
    pub fn agent_types(&self) -> Result<AgentTypes, ConfigError> {
        let read = |path: &PathBuf| table(path, AgentTypes::parse);
        let built_in = || Ok(AgentTypes::default());
        self.agent_types.as_ref().map_or_else(built_in, read)
    }
}

/// A table of prices, with its text.
///
/// # Errors
/// A file that cannot be read, and the first thing in it that is wrong.
pub fn prices_of(path: &Path) -> Result<(Prices, String), ConfigError> {
    table(path, |text| Ok((Prices::parse(text)?, text.to_owned())))
}

fn table<T>(path: &Path, parse: fn(&str) -> Result<T, String>) -> Result<T, ConfigError> {
    parse(&read_file(path)?).map_err(|reason| ConfigError::new(path.display().to_string(), reason))
}
