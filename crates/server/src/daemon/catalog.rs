//! The tables of agent types and prices: the files that the settings name, else our own.

use std::path::PathBuf;

use super::failure::Failure;
use agentpulse_config::Config;
use agentpulse_contract::exit;
use agentpulse_core::agent_type::AgentTypes;
use agentpulse_core::execution::Catalog;
use agentpulse_core::price::Prices;

pub fn catalog(config: &Config) -> Result<Catalog, Failure> {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path)
            .map_err(|error| Failure::new(exit::CONFIG, format!("{}: {error}", path.display())))
    };
    let types = match &config.tables.agent_types {
        None => AgentTypes::default(),
        Some(path) => AgentTypes::parse(&read(path)?)
            .map_err(|error| Failure::new(exit::CONFIG, format!("{}: {error}", path.display())))?,
    };
    let prices = match &config.tables.prices {
        None => Prices::default(),
        Some(path) => Prices::parse(&read(path)?)
            .map_err(|error| Failure::new(exit::CONFIG, format!("{}: {error}", path.display())))?,
    };
    Ok(Catalog { types, prices })
}
