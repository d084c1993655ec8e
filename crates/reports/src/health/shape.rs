//! The shape of the health report. Unknown values are null.

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
    pub definitions: Check<Definitions>,
    pub tasks: Check<Tasks>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{F}Check")]
pub struct Check<F> {
    pub status: Verdict,
    /// Null if it is healthy.
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
    /// 0 is no limit.
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
    /// Comparisons of Redis with history, since the daemon started.
    pub checks: u64,
    /// Times that Redis differed from history, since the daemon started.
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
    /// Null without an event since the daemon started.
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
    /// Changed settings that are not in force yet.
    pub needs_restart: Vec<String>,
}

/// Of agents.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Definitions {
    pub agents: usize,
    /// Those that the client does not load as they are now.
    pub broken: usize,
    /// The system reports each change.
    pub watched: bool,
    /// Null before the first scan has ended.
    pub last_scan_age_ms: Option<i64>,
}

/// How many there are, null where that is not known.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Tasks {
    pub pending: Option<i64>,
    pub running: Option<i64>,
    pub blocked: Option<i64>,
    /// Null also where none waits.
    pub oldest_pending_age_ms: Option<i64>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Disk {
    pub free_bytes: Option<u64>,
    pub size_bytes: Option<u64>,
}
