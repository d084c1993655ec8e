//! Where definitions of agents are, beside the projects of executions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::error::ConfigError;
use super::folder::{absolute, absolute_list};
use super::resolve::{Resolver, reloaded};
use agentpulse_contract::environment;
use agentpulse_core::limits::MAX_NAME_BYTES;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq)]
pub struct Registry {
    /// The client's own folder of the user.
    pub folder: Option<PathBuf>,
    pub projects: Vec<PathBuf>,
    /// Folders of definitions that no client looks for.
    pub library: Vec<PathBuf>,
    /// Agents that are out of use.
    pub maintenance: Vec<String>,
    /// The most between two scans.
    pub rescan: Duration,
    /// Definitions may be written over HTTP.
    pub write: bool,
}

impl Registry {
    pub(super) fn read(
        r: &mut Resolver,
        env: &BTreeMap<String, String>,
    ) -> Result<Registry, ConfigError> {
        let by_default = || {
            let own = absolute_list(env, "CLAUDE_CONFIG_DIR").into_iter().next();
            own.or_else(|| Some(absolute(env, environment::HOME)?.join(".claude")))
        };
        let name = |text: &str| {
            let is_name = (1..=MAX_NAME_BYTES).contains(&text.len());
            is_name.then(|| text.to_owned())
        };
        Ok(Registry {
            folder: r.optional_path("registry.folder")?.or_else(by_default),
            projects: r.paths(reloaded("registry.projects"), Vec::new())?,
            library: r.paths(reloaded("registry.library"), Vec::new())?,
            maintenance: r.list(reloaded("registry.maintenance"), "a name of an agent", name)?,
            // Each file is checked for a change.
            rescan: r.duration(
                reloaded("registry.rescan"),
                60 * SECOND,
                5 * SECOND..=3_600 * SECOND,
            )?,
            write: r.flag(reloaded("registry.write"), false)?,
        })
    }
}
