//! A task that is to be made, or changed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use agentpulse_tasks::limits::{
    DEFAULT_PRIORITY, LEASE_S, MAX_AHEAD_MS, MAX_JSON_BYTES, MAX_NEEDS, PRIORITIES, RETRIES,
    TIMEOUT_S,
};

use super::check::{Checked, Result, invalid, number, seconds_ms};
use crate::ops::{Change, NewTask};

/// Who makes tasks and is no agent.
const NO_AGENTS: [&str; 2] = ["user", "system"];

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskRequest {
    /// Such as `fix_bug`.
    #[schemars(length(min = 1, max = 256))]
    pub task_type: String,
    /// A role, an agent that is defined, or `auto`: the agent that fits best.
    #[schemars(length(min = 1, max = 256))]
    pub assigned_to: String,
    /// 10 is the most urgent; 5 if it is not given.
    #[schemars(range(min = 1, max = 10))]
    pub priority: Option<u8>,
    /// What the task is about, any JSON of at most 256 KiB. Secrets are taken out.
    pub context: Option<Value>,
    /// An agent, `user` or `system`.
    #[schemars(length(min = 1, max = 256))]
    pub created_by: Option<String>,
    /// The task that it follows.
    pub parent_task_id: Option<i64>,
    /// Tasks that have to be completed before, at most 64.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub blocked_by: Vec<i64>,
    /// While a task has it that is not ended, that one is answered.
    #[schemars(length(min = 1, max = 256))]
    pub unique_key: Option<String>,
    /// It is not taken before then: milliseconds since 1970.
    pub not_before_ms: Option<i64>,
    #[schemars(range(min = 0, max = 10))]
    pub max_retries: Option<u32>,
    /// How long its worker may be silent, in seconds.
    #[schemars(range(min = 10, max = 3_600))]
    pub lease_s: Option<u64>,
    /// Of a whole attempt, in seconds.
    #[schemars(range(min = 60, max = 604_800))]
    pub timeout_s: Option<u64>,
    /// What becomes of it if a task fails that it waits for.
    #[serde(default)]
    pub on_dependency_failure: OnNeedFailure,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OnDependencyFailure")]
pub enum OnNeedFailure {
    /// It stays, for a person to decide.
    #[default]
    Wait,
    /// It fails, too.
    Fail,
}

impl TaskRequest {
    /// # Errors
    /// A field is out of its bounds.
    pub fn read(self, checked: &mut Checked, now_ms: i64) -> Result<NewTask> {
        if self.blocked_by.len() > MAX_NEEDS {
            let count = self.blocked_by.len();
            return invalid(format!("blocked_by: {count}, allowed are {MAX_NEEDS}"));
        }
        let priority = number("priority", self.priority, PRIORITIES)?;
        let is_agent = |by: &String| !NO_AGENTS.contains(&by.as_str());
        Ok(NewTask {
            is_by_agent: self.created_by.as_ref().is_some_and(is_agent),
            task_type: checked.name("task_type", self.task_type)?,
            assigned_to: checked.name("assigned_to", self.assigned_to)?,
            created_by: checked.maybe_name("created_by", self.created_by)?,
            priority: priority.unwrap_or(DEFAULT_PRIORITY),
            context: checked.json("context", self.context, MAX_JSON_BYTES)?,
            parent: self.parent_task_id,
            needs: self.blocked_by,
            unique_key: checked.maybe_name("unique_key", self.unique_key)?,
            not_before_ms: not_before(self.not_before_ms, now_ms)?,
            max_retries: number("max_retries", self.max_retries, RETRIES)?,
            lease_ms: seconds_ms("lease_s", self.lease_s, LEASE_S)?,
            timeout_ms: seconds_ms("timeout_s", self.timeout_s, TIMEOUT_S)?,
            fails_with_needs: self.on_dependency_failure == OnNeedFailure::Fail,
        })
    }
}

fn not_before(at_ms: Option<i64>, now_ms: i64) -> Result<Option<i64>> {
    match at_ms {
        Some(at_ms) if !(0..=now_ms.saturating_add(MAX_AHEAD_MS)).contains(&at_ms) => {
            invalid("not_before_ms: at most a year ahead")
        }
        at_ms => Ok(at_ms),
    }
}

/// Of a task that waits. What is not given stays.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TaskChange")]
pub struct ChangeRequest {
    #[schemars(range(min = 1, max = 10))]
    pub priority: Option<u8>,
    /// A role, or an agent that is defined.
    #[schemars(length(min = 1, max = 256))]
    pub assigned_to: Option<String>,
    /// Milliseconds since 1970.
    pub not_before_ms: Option<i64>,
}

impl ChangeRequest {
    /// # Errors
    /// A field is out of its bounds.
    pub fn read(self, checked: &mut Checked, now_ms: i64) -> Result<Change> {
        Ok(Change {
            priority: number("priority", self.priority, PRIORITIES)?,
            assigned_to: checked.maybe_name("assigned_to", self.assigned_to)?,
            not_before_ms: not_before(self.not_before_ms, now_ms)?,
        })
    }
}
