//! The inputs of the rules at one moment. An unknown value is None.

use super::definitions::Definitions;
use super::tasks::Tasks;
use agentpulse_reports::probe::RedisMemory;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    /// Executions that ended in the window of the success rate, and those of them that succeeded.
    pub ended: i64,
    pub succeeded: i64,
    pub durations: Option<Vec<AgentDuration>>,
    pub today: Option<Spent>,
    pub active: Option<u64>,
    pub memory: Option<RedisMemory>,
    pub requests: Requests,
    /// Tokens of the last 60 minutes.
    pub hour_tokens: i64,
    /// Their mean on the days before; None also while there is no day before.
    pub usual_tokens: Option<f64>,
    /// Why the live view is unavailable.
    pub live_down: Option<String>,
    /// `i64::MAX` if it is longer than is remembered.
    pub live_lag_ms: i64,
    /// Beyond the interval of its flushes.
    pub history_late_ms: i64,
    pub hung: Hung,
    /// Used and at most.
    pub spool_bytes: Option<(u64, u64)>,
    pub disk_free_bytes: Option<u64>,
    /// Agents with their failures in a row.
    pub failing: Vec<(String, u64)>,
    /// Why the last reload of the settings was refused.
    pub reload_failed: Option<String>,
    pub definitions: Definitions,
    pub tasks: Tasks,
}

/// The duration of an agent's executions lately, and in the days before.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentDuration {
    pub agent_name: String,
    pub executions: i64,
    pub mean_ms: f64,
    /// None without enough executions in those days.
    pub baseline_ms: Option<f64>,
}

/// What the day has come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spent {
    pub tokens: i64,
    /// Dollars.
    pub cost: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Requests {
    pub count: u64,
    pub p99_ms: f64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hung {
    /// Ended by the reaper in the window.
    pub reaped: u64,
    /// Some of their agents.
    pub agent_names: Vec<String>,
    /// Running and near their deadline; 0 while only history can be read.
    pub near: u64,
}
