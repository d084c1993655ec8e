//! The health report: each part with its figures and a verdict. The inputs are collected before;
//! here they are only evaluated.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use super::shape::{
    Check, Checks, Database, Definitions, Disk, Health, History, Hooks, Journal, Live, Redis,
    Settings, Spool, Tasks, Verdict,
};
use crate::probe::{DiskUsage, ProbeError, RedisMemory};
use agentpulse_definitions::State;
use agentpulse_pipeline::counters::Counters;
use agentpulse_pipeline::live_state::Condition;
use agentpulse_pipeline::readiness::{FLUSH_LAG_ALLOWED_MS, LIVE_LAG_ALLOWED_MS};
use agentpulse_pipeline::reload::Last;
use agentpulse_queue::Standing;
use agentpulse_registry::Current;
use agentpulse_tasks::status::Status;

/// The writer refuses events when it has to remember 65,536 executions that history lacks.
const PENDING_ALLOWED: u64 = 32_768;
/// Beyond this share of its memory or of the spool there is not much time left.
const FULL_PERCENT: u64 = 80;
/// The journal and the history of a busy week take some hundred MB.
const LOW_DISK_BYTES: u64 = 512 << 20;
/// Less than the logs of the two databases may take.
const NO_DISK_BYTES: u64 = 128 << 20;

/// The inputs of the report; an error says why one is unknown.
pub struct HealthInputs {
    pub now_ms: i64,
    pub uptime: Duration,
    pub flush_interval_ms: i64,
    pub redis_private: bool,
    pub redis_version: String,
    pub spool_max_bytes: u64,
    /// About how many are stored, and how long the query took.
    pub executions: Result<(u64, Duration), ProbeError>,
    /// None if Redis does not allow to read it.
    pub memory: Result<(Option<RedisMemory>, Duration), ProbeError>,
    pub room: Result<DiskUsage, ProbeError>,
    /// Why events are not accepted.
    pub blocked: Option<String>,
    pub condition: Condition,
    pub difference: Option<String>,
    pub head: u64,
    /// Of live and of history.
    pub applied: [u64; 2],
    /// The same; `i64::MAX` if it is longer than is remembered.
    pub lag_ms: [i64; 2],
    pub counters: Arc<Counters>,
    pub settings: Last,
    pub definitions: Arc<Current>,
    pub queue: Result<Arc<Standing>, ProbeError>,
    pub took: Duration,
}

/// A fault of a part; None if it is healthy.
type Finding = Option<(Verdict, String)>;

fn check<F>(finding: Finding, figures: F) -> Check<F> {
    let (status, reason) = match finding {
        Some((status, reason)) => (status, Some(reason)),
        None => (Verdict::Ok, None),
    };
    Check {
        status,
        reason,
        figures,
    }
}

fn degraded(reason: String) -> Finding {
    Some((Verdict::Degraded, reason))
}

fn failed(reason: String) -> Finding {
    Some((Verdict::Failed, reason))
}

/// A slow part may still work for clients that wait longer than this report does.
fn unanswered(error: &ProbeError) -> Finding {
    let reason = error.reason.clone();
    match error.late {
        true => degraded(reason),
        false => failed(reason),
    }
}

/// Without the database, the journal or space on the disk no event is accepted: then the daemon has
/// failed. Whatever else fails, it accepts events and answers.
pub fn build(inputs: &HealthInputs) -> Health {
    let checks = Checks {
        database: database(inputs),
        redis: redis(inputs),
        journal: journal(inputs),
        live: live(inputs),
        history: history(inputs),
        hooks: hooks(inputs),
        spool: spool(inputs),
        disk: disk(inputs),
        config: config(inputs),
        definitions: definitions(inputs),
        tasks: tasks(inputs),
    };
    let needed = [
        checks.database.status,
        checks.journal.status,
        checks.disk.status,
    ];
    let useful = [
        checks.redis.status,
        checks.live.status,
        checks.history.status,
        checks.hooks.status,
        checks.spool.status,
        checks.config.status,
        checks.definitions.status,
        checks.tasks.status,
    ];
    let useful = useful.map(|verdict| verdict.min(Verdict::Degraded));
    let status = needed.into_iter().chain(useful).max();
    Health {
        status: status.unwrap_or(Verdict::Ok),
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: inputs.uptime.as_secs(),
        took_ms: inputs.took.as_millis() as u64,
        checks,
    }
}

fn database(inputs: &HealthInputs) -> Check<Database> {
    let answer = inputs.executions.as_ref();
    let figures = Database {
        executions: answer.ok().map(|(count, _)| *count),
        took_ms: answer.ok().map(|(_, took)| took.as_millis() as u64),
    };
    check(answer.err().and_then(unanswered), figures)
}

fn redis(inputs: &HealthInputs) -> Check<Redis> {
    let answer = inputs.memory.as_ref();
    let finding = match answer {
        Err(error) => unanswered(error),
        Ok((Some(memory), _)) if is_full(memory.used, memory.max) => {
            let (used, max) = (memory.used >> 20, memory.max >> 20);
            degraded(format!("{used} of {max} MiB are used"))
        }
        Ok(_) => None,
    };
    let memory = answer.ok().and_then(|(memory, _)| *memory);
    let figures = Redis {
        private: inputs.redis_private,
        version: inputs.redis_version.clone(),
        memory_bytes: memory.map(|memory| memory.used),
        memory_max_bytes: memory.map(|memory| memory.max),
        took_ms: answer.ok().map(|(_, took)| took.as_millis() as u64),
    };
    check(finding, figures)
}

fn journal(inputs: &HealthInputs) -> Check<Journal> {
    let last = &inputs.counters.last;
    let pending = pending(inputs).into_iter().max().unwrap_or(0);
    let finding = if let Some(reason) = &inputs.blocked {
        failed(format!("no event is taken: {reason}"))
    } else if pending > PENDING_ALLOWED {
        degraded(format!("{pending} changes wait"))
    } else {
        None
    };
    let figures = Journal {
        head: inputs.head,
        pending,
        failures: inputs.counters.journal_failures.get(),
        last_write_age_ms: age_ms(inputs, last.journal_written.get()),
    };
    check(finding, figures)
}

fn live(inputs: &HealthInputs) -> Check<Live> {
    let [applied, _] = inputs.applied;
    let [lag_ms, _] = inputs.lag_ms.map(known);
    let condition = &inputs.condition;
    let finding = match condition {
        Condition::Following if inputs.lag_ms[0] <= LIVE_LAG_ALLOWED_MS => None,
        Condition::Following => degraded(behind(lag_ms)),
        Condition::Broken(_) => failed(format!("it is {condition}; run agentpulse rebuild")),
        _ => degraded(format!("it is {condition}; reads come from history")),
    };
    let figures = Live {
        condition: condition.word(),
        applied,
        pending: pending(inputs)[0],
        lag_ms,
        checks: inputs.counters.live_checks.get(),
        differences: inputs.counters.live_differences.get(),
        last_difference: inputs.difference.clone(),
    };
    check(finding, figures)
}

fn history(inputs: &HealthInputs) -> Check<History> {
    let [_, applied] = inputs.applied;
    let [_, lag_ms] = inputs.lag_ms.map(known);
    let allowed_ms = inputs.flush_interval_ms + FLUSH_LAG_ALLOWED_MS;
    let late = inputs.lag_ms[1] > allowed_ms;
    let figures = History {
        applied,
        pending: pending(inputs)[1],
        lag_ms,
        last_flush_age_ms: age_ms(inputs, inputs.counters.last.flushed.get()),
        failures: inputs.counters.flush_failures.get(),
    };
    let finding = if late { degraded(behind(lag_ms)) } else { None };
    check(finding, figures)
}

/// No events are no fault: perhaps no agent runs. The age is for those who know better.
fn hooks(inputs: &HealthInputs) -> Check<Hooks> {
    let last_event_age_ms = age_ms(inputs, inputs.counters.last.hook.get());
    check(None, Hooks { last_event_age_ms })
}

fn spool(inputs: &HealthInputs) -> Check<Spool> {
    let room = inputs.room.as_ref();
    let finding = match room {
        Err(error) => unanswered(error),
        Ok(room) if room.spool_bytes >= inputs.spool_max_bytes => {
            failed("it is full, hooks drop their lines".to_owned())
        }
        Ok(room) if is_full(room.spool_bytes, inputs.spool_max_bytes) => {
            degraded(format!("{} lines wait", room.spool_files))
        }
        Ok(_) => None,
    };
    let figures = Spool {
        files: room.ok().map(|room| room.spool_files),
        bytes: room.ok().map(|room| room.spool_bytes),
        max_bytes: inputs.spool_max_bytes,
        lines_dropped: room.ok().map(|room| room.spool_dropped),
    };
    check(finding, figures)
}

fn disk(inputs: &HealthInputs) -> Check<Disk> {
    let room = inputs.room.as_ref();
    let finding = match room {
        Err(error) => unanswered(error),
        Ok(room) => {
            let left = format!("{} MiB are free", room.free_bytes >> 20);
            match room.free_bytes {
                ..NO_DISK_BYTES => failed(left),
                NO_DISK_BYTES..LOW_DISK_BYTES => degraded(left),
                _ => None,
            }
        }
    };
    let figures = Disk {
        free_bytes: room.ok().map(|room| room.free_bytes),
        size_bytes: room.ok().map(|room| room.size_bytes),
    };
    check(finding, figures)
}

/// The daemon works, with other settings than the file has.
fn config(inputs: &HealthInputs) -> Check<Settings> {
    let failed = inputs.settings.failed.as_ref();
    let finding = failed.and_then(|reason| degraded(format!("the old settings stay: {reason}")));
    let needs_restart = inputs.settings.needs_restart.clone();
    check(finding, Settings { needs_restart })
}

/// A definition that is broken is a fault of its author's.
fn definitions(inputs: &HealthInputs) -> Check<Definitions> {
    let last = &inputs.definitions.last_scan;
    let agents = &inputs.definitions.snapshot.registered.agents;
    let finding = match last.is_late {
        true => degraded("a scan takes longer than 30 s: a disk does not answer".to_owned()),
        false => None,
    };
    let broken = agents.values().filter(|agent| agent.state == State::Broken);
    let figures = Definitions {
        agents: agents.len(),
        broken: broken.count(),
        watched: last.is_watched,
        last_scan_age_ms: age_ms(inputs, last.began_ms),
    };
    check(finding, figures)
}

/// Without it events are accepted all the same.
fn tasks(inputs: &HealthInputs) -> Check<Tasks> {
    let standing = match &inputs.queue {
        Ok(standing) => standing,
        Err(error) => return check(degraded(error.reason.clone()), Tasks::default()),
    };
    let count = |status| Some(standing.count(status));
    let figures = Tasks {
        pending: count(Status::Pending),
        running: count(Status::Running),
        blocked: count(Status::Blocked),
        oldest_pending_age_ms: age_ms(inputs, standing.oldest_pending_ms()),
    };
    check(None, figures)
}

fn pending(inputs: &HealthInputs) -> [u64; 2] {
    inputs
        .applied
        .map(|applied| inputs.head.saturating_sub(applied))
}

/// Without a limit nothing is full.
fn is_full(used: u64, max: u64) -> bool {
    max > 0 && u128::from(used) * 100 > u128::from(max) * u128::from(FULL_PERCENT)
}

fn known(lag_ms: i64) -> Option<i64> {
    Some(lag_ms).filter(|&lag_ms| lag_ms != i64::MAX)
}

fn behind(lag_ms: Option<i64>) -> String {
    match lag_ms {
        Some(lag_ms) => format!("it is {lag_ms} ms behind"),
        None => "it is far behind".to_owned(),
    }
}

fn age_ms(inputs: &HealthInputs, at_ms: Option<i64>) -> Option<i64> {
    at_ms.map(|at_ms| (inputs.now_ms - at_ms).max(0))
}
