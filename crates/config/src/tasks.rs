//! The task queue.

use std::time::Duration;

use super::error::ConfigError;
use super::resolve::{Resolver, reloaded};
use agentpulse_core::limits::MAX_NAME_BYTES;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const MAX_RETRIES: u32 = 10;

#[derive(Clone, Debug, PartialEq)]
pub struct Tasks {
    /// Beside the six that are there by default; see `agentpulse_tasks::settings`.
    pub roles: Vec<String>,
    pub fallback_role: String,
    /// What a step of the priority is worth in waiting.
    pub age_step: Duration,
    pub lease: Duration,
    pub abandon_after: Duration,
    pub max_retries: u32,
    pub keep: Duration,
}

impl Tasks {
    pub(super) fn read(r: &mut Resolver) -> Result<Tasks, ConfigError> {
        let name = |text: &str| {
            let is_name = (1..=MAX_NAME_BYTES).contains(&text.len());
            (is_name && !text.chars().any(char::is_control)).then(|| text.to_owned())
        };
        let fallback = "triage".to_owned();
        Ok(Tasks {
            roles: r.list(reloaded("tasks.roles"), "a name", name)?,
            fallback_role: r.text(
                reloaded("tasks.fallback_role"),
                fallback,
                "a role",
                name,
                String::clone,
            )?,
            age_step: r.duration(
                reloaded("tasks.age_step"),
                10 * MINUTE,
                Duration::ZERO..=DAY,
            )?,
            lease: r.duration(
                reloaded("tasks.lease"),
                5 * MINUTE,
                10 * SECOND..=60 * MINUTE,
            )?,
            abandon_after: r.duration(
                reloaded("tasks.abandon_after"),
                MINUTE,
                SECOND..=60 * MINUTE,
            )?,
            max_retries: r.count(reloaded("tasks.max_retries"), 3_u32, 0..=MAX_RETRIES)?,
            keep: r.duration(reloaded("tasks.keep"), 30 * DAY, DAY..=400 * DAY)?,
        })
    }
}
