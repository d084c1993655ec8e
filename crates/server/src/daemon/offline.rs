//! Keys and audit trail without a daemon.

use super::access::{open, operator};
use super::failure::Failure;
use super::folder::{Folder, nothing_in};
use super::restore::finish_before_reading;
use agentpulse_config::Config;
use agentpulse_contract::data_folder::ACCESS;
use agentpulse_store::access::{Access, Actor};

/// Keys and audit trail without a daemon; none can start meanwhile.
pub struct Offline {
    pub access: Access,
    pub actor: Actor,
    _folder: Folder,
}

/// Claims the folder by `claim`: the first key may be made before the first start.
///
/// # Errors
/// A daemon runs on the folder, or its files cannot be opened.
pub fn access_offline(
    config: &Config,
    claim: fn(&Config) -> Result<Folder, Failure>,
) -> Result<Offline, Failure> {
    let folder = claim(config)?;
    let access = open(config)?;
    Ok(Offline {
        access,
        actor: operator(),
        _folder: folder,
    })
}

/// Keys and audit trail as they are, without a daemon; nothing is created or changed, except that
/// an interrupted restore is finished.
///
/// # Errors
/// There are none, or they cannot be read.
pub fn access_to_read(config: &Config) -> Result<Access, Failure> {
    finish_before_reading(config)?;
    let path = config.data.dir.join(ACCESS);
    match path.try_exists() {
        Ok(true) => Ok(Access::open_to_read(&path)?),
        _ => Err(nothing_in(&config.data.dir)),
    }
}
