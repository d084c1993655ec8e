//! The health report: each part with its figures and a verdict. What a verdict is drawn from was
//! asked before; here it is only judged.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::probe::{Memory, Room, Silence};
use crate::flow::counters::Counters;
use crate::flow::operations::{FLUSH_LAG_ALLOWED_MS, LIVE_LAG_ALLOWED_MS};

/// The writer refuses events when it has to remember 65,536 executions that history lacks.
const PENDING_ALLOWED: u64 = 32_768;
/// Beyond this share of its memory or of the spool there is not much time left.
const FULL_PERCENT: u64 = 80;
/// The journal and the history of a busy week take some hundred MB.
const LOW_DISK_BYTES: u64 = 512 << 20;
/// Less than the logs of the two databases may take.
const NO_DISK_BYTES: u64 = 128 << 20;

/// What was found out, or why it could not be.
pub struct Asked {
    pub now_ms: i64,
    pub uptime: Duration,
    pub flush_interval_ms: i64,
    pub redis_private: bool,
    pub redis_version: String,
    pub spool_max_bytes: u64,
    /// About how many are kept, and how long it took to ask.
    pub executions: Result<(u64, Duration), Silence>,
    pub memory: Result<(Memory, Duration), Silence>,
    pub room: Result<Room, Silence>,
    pub condition: &'static str,
    pub reason: Option<String>,
    pub head: u64,
    /// Of live and of history.
    pub applied: [u64; 2],
    /// The same; `i64::MAX` where it is longer than anybody remembers.
    pub lag_ms: [i64; 2],
    pub counters: Arc<Counters>,
    pub took: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    /// It works, with less than it should have.
    Degraded,
    /// It does not do its work.
    Failed,
}

#[derive(Debug, Serialize)]
pub struct Health {
    status: Verdict,
    version: &'static str,
    uptime_s: u64,
    took_ms: u64,
    checks: Checks,
}

#[derive(Debug, Serialize)]
struct Checks {
    database: Check<Database>,
    redis: Check<Redis>,
    journal: Check<Journal>,
    live: Check<Live>,
    history: Check<History>,
    hooks: Check<Hooks>,
    spool: Check<Spool>,
    disk: Check<Disk>,
}

#[derive(Debug, Serialize)]
struct Check<F> {
    status: Verdict,
    /// Null when it is well.
    reason: Option<String>,
    #[serde(flatten)]
    figures: F,
}

#[derive(Debug, Serialize)]
struct Database {
    executions: Option<u64>,
    took_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Redis {
    private: bool,
    version: String,
    memory_bytes: Option<u64>,
    /// 0 is no bound.
    memory_max_bytes: Option<u64>,
    took_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Journal {
    head: u64,
    pending: u64,
    /// Since the daemon started.
    failures: u64,
    last_write_age_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Live {
    condition: &'static str,
    applied: u64,
    pending: u64,
    lag_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
struct History {
    applied: u64,
    pending: u64,
    lag_ms: Option<i64>,
    last_flush_age_ms: Option<i64>,
    failures: u64,
}

#[derive(Debug, Serialize)]
struct Hooks {
    /// Null when none was heard since the daemon started.
    last_event_age_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Spool {
    files: Option<u64>,
    bytes: Option<u64>,
    max_bytes: u64,
    /// Of all time.
    lines_dropped: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Disk {
    free_bytes: Option<u64>,
    size_bytes: Option<u64>,
}

/// Something to say of a part; nothing when it is well.
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

/// What is slow may still work for those who wait longer than this report does.
fn silent(silence: &Silence) -> Finding {
    let reason = silence.reason.clone();
    match silence.late {
        true => degraded(reason),
        false => failed(reason),
    }
}

/// Without the database, the journal or room on the disk no event is taken: then the daemon has
/// failed. Whatever else fails, it takes events and answers.
pub fn build(asked: &Asked) -> Health {
    let checks = Checks {
        database: database(asked),
        redis: redis(asked),
        journal: journal(asked),
        live: live(asked),
        history: history(asked),
        hooks: hooks(asked),
        spool: spool(asked),
        disk: disk(asked),
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
    ];
    let useful = useful.map(|verdict| verdict.min(Verdict::Degraded));
    let status = needed.into_iter().chain(useful).max();
    Health {
        status: status.unwrap_or(Verdict::Ok),
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: asked.uptime.as_secs(),
        took_ms: asked.took.as_millis() as u64,
        checks,
    }
}

fn database(asked: &Asked) -> Check<Database> {
    let answer = asked.executions.as_ref();
    let figures = Database {
        executions: answer.ok().map(|(count, _)| *count),
        took_ms: answer.ok().map(|(_, took)| took.as_millis() as u64),
    };
    check(answer.err().and_then(silent), figures)
}

fn redis(asked: &Asked) -> Check<Redis> {
    let answer = asked.memory.as_ref();
    let finding = match answer {
        Err(silence) => silent(silence),
        Ok((memory, _)) if is_full(memory.used, memory.max) => {
            let (used, max) = (memory.used >> 20, memory.max >> 20);
            degraded(format!("{used} of {max} MiB are used"))
        }
        Ok(_) => None,
    };
    let figures = Redis {
        private: asked.redis_private,
        version: asked.redis_version.clone(),
        memory_bytes: answer.ok().map(|(memory, _)| memory.used),
        memory_max_bytes: answer.ok().map(|(memory, _)| memory.max),
        took_ms: answer.ok().map(|(_, took)| took.as_millis() as u64),
    };
    check(finding, figures)
}

fn journal(asked: &Asked) -> Check<Journal> {
    let last = &asked.counters.last;
    let pending = pending(asked).into_iter().max().unwrap_or(0);
    let finding = if last.journal_failed.get() > last.journal_written.get() {
        failed("the last event could not be written".to_owned())
    } else if pending > PENDING_ALLOWED {
        degraded(format!("{pending} changes wait"))
    } else {
        None
    };
    let figures = Journal {
        head: asked.head,
        pending,
        failures: asked.counters.journal_failures.get(),
        last_write_age_ms: age_ms(asked, last.journal_written.get()),
    };
    check(finding, figures)
}

fn live(asked: &Asked) -> Check<Live> {
    let [applied, _] = asked.applied;
    let [lag_ms, _] = asked.lag_ms.map(known);
    let why = asked.reason.as_ref();
    let why = why.map_or(String::new(), |why| format!(": {why}"));
    let finding = match asked.condition {
        "following" if asked.lag_ms[0] <= LIVE_LAG_ALLOWED_MS => None,
        "following" => degraded(behind(lag_ms)),
        "broken" => failed(format!("it is broken{why}; agentpulse rebuild mends it")),
        condition => degraded(format!("it is {condition}{why}; reads come from history")),
    };
    let figures = Live {
        condition: asked.condition,
        applied,
        pending: pending(asked)[0],
        lag_ms,
    };
    check(finding, figures)
}

fn history(asked: &Asked) -> Check<History> {
    let [_, applied] = asked.applied;
    let [_, lag_ms] = asked.lag_ms.map(known);
    let allowed_ms = asked.flush_interval_ms + FLUSH_LAG_ALLOWED_MS;
    let late = asked.lag_ms[1] > allowed_ms;
    let figures = History {
        applied,
        pending: pending(asked)[1],
        lag_ms,
        last_flush_age_ms: age_ms(asked, asked.counters.last.flushed.get()),
        failures: asked.counters.flush_failures.get(),
    };
    let finding = if late { degraded(behind(lag_ms)) } else { None };
    check(finding, figures)
}

/// Silence is no fault: perhaps nobody works. The age is for who knows better.
fn hooks(asked: &Asked) -> Check<Hooks> {
    let last_event_age_ms = age_ms(asked, asked.counters.last.hook.get());
    check(None, Hooks { last_event_age_ms })
}

fn spool(asked: &Asked) -> Check<Spool> {
    let room = asked.room.as_ref();
    let finding = match room {
        Err(silence) => silent(silence),
        Ok(room) if room.spool_bytes >= asked.spool_max_bytes => {
            failed("it is full, hooks drop their lines".to_owned())
        }
        Ok(room) if is_full(room.spool_bytes, asked.spool_max_bytes) => {
            degraded(format!("{} lines wait", room.spool_files))
        }
        Ok(_) => None,
    };
    let figures = Spool {
        files: room.ok().map(|room| room.spool_files),
        bytes: room.ok().map(|room| room.spool_bytes),
        max_bytes: asked.spool_max_bytes,
        lines_dropped: room.ok().map(|room| room.spool_dropped),
    };
    check(finding, figures)
}

fn disk(asked: &Asked) -> Check<Disk> {
    let room = asked.room.as_ref();
    let finding = match room {
        Err(silence) => silent(silence),
        Ok(room) => {
            let left = format!("{} MiB are free", room.free_bytes >> 20);
            match room.free_bytes {
                ..NO_DISK_BYTES => failed(left),
                ..LOW_DISK_BYTES => degraded(left),
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

fn pending(asked: &Asked) -> [u64; 2] {
    asked
        .applied
        .map(|applied| asked.head.saturating_sub(applied))
}

/// Without a bound nothing is full.
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

fn age_ms(asked: &Asked, at_ms: Option<i64>) -> Option<i64> {
    at_ms.map(|at_ms| (asked.now_ms - at_ms).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn well() -> Asked {
        let counters = Counters::default();
        counters.last.journal_written.set(9_000);
        counters.last.flushed.set(9_500);
        Asked {
            now_ms: 10_000,
            uptime: Duration::from_secs(10),
            flush_interval_ms: 2_000,
            redis_private: true,
            redis_version: "7.2.0".to_owned(),
            spool_max_bytes: 64 * MIB,
            executions: Ok((7, Duration::from_millis(3))),
            memory: Ok((
                Memory {
                    used: 8 * MIB,
                    max: 10 * MIB,
                },
                Duration::ZERO,
            )),
            room: Ok(Room {
                free_bytes: LOW_DISK_BYTES,
                ..Room::default()
            }),
            condition: "following",
            reason: None,
            head: 12,
            applied: [12, 10],
            lag_ms: [0, 1_500],
            counters: Arc::new(counters),
            took: Duration::from_millis(4),
        }
    }

    #[test]
    fn what_is_well_is_ok_and_tells_its_figures() {
        let told = serde_json::to_value(build(&well())).unwrap();
        assert_eq!(told["status"], "ok", "{told:#}");
        let checks = told["checks"].as_object().unwrap();
        assert_eq!(checks.len(), 8);
        for (name, check) in checks {
            assert_eq!(check["status"], "ok", "{name}");
            assert!(check["reason"].is_null(), "{name}");
        }
        assert_eq!(checks["database"]["executions"], 7);
        assert_eq!(checks["journal"]["pending"], 2);
        assert_eq!(checks["history"]["last_flush_age_ms"], 500);
        assert!(checks["hooks"]["last_event_age_ms"].is_null());
    }

    #[test]
    fn each_fault_has_its_verdict_and_only_what_is_needed_fails_the_whole() {
        let late = || Silence::late(Duration::from_millis(75));
        type Fault = (&'static str, Verdict, Verdict, fn(&mut Asked));
        let faults: [Fault; 11] = [
            ("database", Verdict::Failed, Verdict::Failed, |asked| {
                asked.executions = Err(Silence::of("damaged"));
            }),
            ("redis", Verdict::Failed, Verdict::Degraded, |asked| {
                asked.memory = Err(Silence::of("no such file"));
            }),
            ("redis", Verdict::Degraded, Verdict::Degraded, |asked| {
                asked.memory.as_mut().unwrap().0.used += 1;
            }),
            ("journal", Verdict::Failed, Verdict::Failed, |asked| {
                asked.counters.last.journal_failed.set(9_001);
            }),
            ("journal", Verdict::Degraded, Verdict::Degraded, |asked| {
                asked.applied[1] = 0;
                asked.head = PENDING_ALLOWED + 1;
            }),
            ("live", Verdict::Failed, Verdict::Degraded, |asked| {
                asked.condition = "broken";
            }),
            ("live", Verdict::Degraded, Verdict::Degraded, |asked| {
                asked.lag_ms[0] = i64::MAX;
            }),
            ("history", Verdict::Degraded, Verdict::Degraded, |asked| {
                asked.lag_ms[1] = 12_001;
            }),
            ("spool", Verdict::Failed, Verdict::Degraded, |asked| {
                asked.room.as_mut().unwrap().spool_bytes = 64 * MIB;
            }),
            ("disk", Verdict::Degraded, Verdict::Degraded, |asked| {
                asked.room.as_mut().unwrap().free_bytes -= 1;
            }),
            ("disk", Verdict::Failed, Verdict::Failed, |asked| {
                asked.room.as_mut().unwrap().free_bytes = NO_DISK_BYTES - 1;
            }),
        ];
        for (part, verdict, whole, fault) in faults {
            let mut asked = well();
            fault(&mut asked);
            let told = serde_json::to_value(build(&asked)).unwrap();
            let (verdict, whole) = (serde_json::json!(verdict), serde_json::json!(whole));
            assert_eq!(told["checks"][part]["status"], verdict, "{part}: {told:#}");
            assert!(told["checks"][part]["reason"].is_string(), "{part}");
            assert_eq!(told["status"], whole, "{part}");
        }
        let mut asked = well();
        asked.executions = Err(late());
        let told = serde_json::to_value(build(&asked)).unwrap();
        assert_eq!(told["status"], "degraded", "what is late may still work");
    }
}
