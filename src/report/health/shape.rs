//! The health report as it is told. What is not known is null.

use schemars::JsonSchema;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    /// It works, with less than it should have.
    Degraded,
    /// It does not do its work.
    Failed,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HealthReport")]
pub struct Health {
    pub status: Verdict,
    pub version: &'static str,
    pub uptime_s: u64,
    pub took_ms: u64,
    pub checks: Checks,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Checks {
    pub database: Check<Database>,
    pub redis: Check<Redis>,
    pub journal: Check<Journal>,
    pub live: Check<Live>,
    pub history: Check<History>,
    pub hooks: Check<Hooks>,
    pub spool: Check<Spool>,
    pub disk: Check<Disk>,
    pub config: Check<Settings>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{F}Check")]
pub struct Check<F> {
    pub status: Verdict,
    /// Null when it is well.
    pub reason: Option<String>,
    #[serde(flatten)]
    pub figures: F,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Database {
    pub executions: Option<u64>,
    pub took_ms: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Redis {
    pub private: bool,
    pub version: String,
    pub memory_bytes: Option<u64>,
    /// 0 is no bound.
    pub memory_max_bytes: Option<u64>,
    pub took_ms: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Journal {
    pub head: u64,
    pub pending: u64,
    /// Since the daemon started.
    pub failures: u64,
    pub last_write_age_ms: Option<i64>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Live {
    pub condition: &'static str,
    pub applied: u64,
    pub pending: u64,
    pub lag_ms: Option<i64>,
    /// Times that what Redis holds was compared with history, since the daemon started.
    pub checks: u64,
    /// Times that Redis did not hold what it was given, since the daemon started.
    pub differences: u64,
    /// The last of them.
    pub last_difference: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct History {
    pub applied: u64,
    pub pending: u64,
    pub lag_ms: Option<i64>,
    pub last_flush_age_ms: Option<i64>,
    pub failures: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Hooks {
    /// Null when none was heard since the daemon started.
    pub last_event_age_ms: Option<i64>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Spool {
    pub files: Option<u64>,
    pub bytes: Option<u64>,
    pub max_bytes: u64,
    /// Of all time.
    pub lines_dropped: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Settings {
    /// Settings that are other than those that the daemon goes by.
    pub needs_restart: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Disk {
    pub free_bytes: Option<u64>,
    pub size_bytes: Option<u64>,
}
