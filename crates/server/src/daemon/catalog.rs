//! The tables of agent types and prices.

use super::failure::Failure;
use agentpulse_config::{Config, ConfigError};
use agentpulse_contract::exit;
use agentpulse_core::execution::Catalog;

pub fn catalog(config: &Config) -> Result<Catalog, Failure> {
    let wrong = |error: ConfigError| Failure::new(exit::CONFIG, error.to_string());
    Ok(Catalog {
        types: config.tables.agent_types().map_err(wrong)?,
        prices: config.tables.prices().map_err(wrong)?,
    })
}
