//! The tables of agent types and prices, and the machine on which they are used.

use super::failure::Failure;
use agentpulse_config::{Config, ConfigError};
use agentpulse_contract::exit;
use agentpulse_core::execution::Catalog;
use agentpulse_sources::clean_name;

pub fn catalog(config: &Config) -> Result<Catalog, Failure> {
    let wrong = |error: ConfigError| Failure::new(exit::CONFIG, error.to_string());
    Ok(Catalog {
        types: config.tables.agent_types().map_err(wrong)?,
        prices: config.tables.prices().map_err(wrong)?,
        host: host(),
    })
}

/// The name of this machine, if it has one that is a name.
fn host() -> Option<String> {
    let system = rustix::system::uname();
    let name = system.nodename().to_str().ok()?;
    clean_name(name.to_owned())
}
