//! What is kept of names that say where somebody works.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::ConfigError;
use super::folder::absolute;
use super::resolve::{Resolver, reloaded};
use agentpulse_contract::environment;
use agentpulse_core::project::ProjectNames;

#[derive(Clone, Debug, PartialEq)]
pub struct Privacy {
    pub projects: ProjectNames,
    /// What stands as `~` in the name of a project.
    pub home: Option<PathBuf>,
}

impl Privacy {
    pub(super) fn read(
        r: &mut Resolver,
        env: &BTreeMap<String, String>,
    ) -> Result<Privacy, ConfigError> {
        let choices = [
            ("name", ProjectNames::Name),
            ("hash", ProjectNames::Hash),
            ("off", ProjectNames::Off),
        ];
        Ok(Privacy {
            projects: r.choice(reloaded("privacy.projects"), choices[0], &choices)?,
            home: absolute(env, environment::HOME),
        })
    }
}
