//! Opens keys and audit trail, and records what commands do without a daemon.

use tracing::warn;

use super::failure::Failure;
use agentpulse_config::Config;
use agentpulse_contract::data_folder::ACCESS;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_store::access::{Access, Action, Actor, Entry};

pub fn open(config: &Config) -> Result<Access, Failure> {
    Ok(Access::open(&config.data.dir.join(ACCESS))?)
}

/// The user of a command that needs no daemon.
pub fn operator() -> Actor {
    Actor::user(rustix::process::getuid().as_raw(), "command line")
}

/// Records what a command did without a daemon.
pub fn note_offline(access: &Access, action: Action, outcome: Result<(), String>) {
    let entry = Entry::of(action, operator(), outcome.map(|()| None), now_ms());
    if let Err(error) = access.note(entry) {
        warn!(%error, "the audit trail could not be written");
    }
}
