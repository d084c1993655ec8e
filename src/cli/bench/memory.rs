//! What the daemon holds: at rest, with somebody who watches, under load, and a while afterwards.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use super::machine::{Memory, forget_peak, memory};
use super::result::{Row, row};
use super::stream::Clients;
use super::subject::{Subject, is_level};
use crate::cli::delivery::{connect, deliver};
use crate::cli::demo::day::Day;
use crate::cli::demo::lines::lines;
use crate::cli::failure::{Failure, failed};

/// As many as `agentpulse demo` sends.
const DEMO_EXECUTIONS: usize = 2_000;
/// After this a daemon that has nothing to do holds what it keeps.
const REST: Duration = Duration::from_secs(60);
/// Between two looks at what is anonymous, of which the system keeps no peak.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);

/// The most that was held.
#[derive(Clone, Copy)]
pub struct Peak {
    resident_kib: Option<u64>,
    anonymous_kib: Option<u64>,
}

/// Before anything was sent.
pub fn at_rest(subject: &Subject) -> Vec<Row> {
    now("at rest", subject, 25.0)
}

/// A minute with an open client of the stream, after a day of samples.
pub fn watched(subject: &Subject, now_ms: i64) -> Result<Vec<Row>, Failure> {
    let day = Day::plan(1, DEMO_EXECUTIONS, now_ms);
    let chunks = lines(day).map(|(_, line)| Ok((line + "\n").into_bytes()));
    deliver(connect(&subject.socket())?, chunks, PATIENCE, |_| {})?;
    let client = Clients::connect(subject.http()?, 1)?;
    sleep(REST);
    let rows = now("a demo and a minute of a watcher", subject, 40.0);
    client.leave()?;
    Ok(rows)
}

/// A minute after all that was measured.
pub fn afterwards(subject: &Subject) -> Result<Vec<Row>, Failure> {
    subject.wait(PATIENCE, "the views", |status| {
        is_level(status, "live") && is_level(status, "history")
    })?;
    sleep(REST);
    Ok(now("a minute after all of this", subject, 60.0))
}

/// The most that the daemon holds while this is done.
pub fn during<T>(
    subject: &Subject,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<(T, Peak), Failure> {
    let pid = subject.pid();
    let is_peak_known = forget_peak(pid);
    let is_over = AtomicBool::new(false);
    let (result, anonymous_kib) = std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut most = None;
            while !is_over.load(Ordering::Acquire) {
                most = most.max(memory(pid).map(|now| now.anonymous_kib));
                sleep(LOOK_INTERVAL);
            }
            most
        });
        let result = work();
        is_over.store(true, Ordering::Release);
        (result, looks.join())
    });
    let peak = Peak {
        resident_kib: memory(pid)
            .filter(|_| is_peak_known)
            .map(|now| now.peak_kib),
        anonymous_kib: anonymous_kib.map_err(|_| failed("a thread panicked"))?,
    };
    Ok((result?, peak))
}

impl Peak {
    /// The larger ones.
    pub fn and(self, other: Peak) -> Peak {
        Peak {
            resident_kib: self.resident_kib.max(other.resident_kib),
            anonymous_kib: self.anonymous_kib.max(other.anonymous_kib),
        }
    }

    pub fn rows(self, part: &'static str, at_most_mib: f64) -> Vec<Row> {
        vec![
            row(
                part,
                "memory of the daemon, at most",
                self.resident_kib.map(mib),
                "MiB",
            )
            .at_most(at_most_mib),
            row(
                part,
                "of it anonymous, at most",
                self.anonymous_kib.map(mib),
                "MiB",
            ),
        ]
    }
}

fn now(part: &'static str, subject: &Subject, at_most_mib: f64) -> Vec<Row> {
    let daemon = memory(subject.pid());
    let redis = subject.redis_pid().and_then(memory);
    let of = |memory: Option<Memory>, kib: fn(Memory) -> u64| memory.map(kib).map(mib);
    let (resident, anonymous) = (
        |now: Memory| now.resident_kib,
        |now: Memory| now.anonymous_kib,
    );
    vec![
        row(part, "memory of the daemon", of(daemon, resident), "MiB").at_most(at_most_mib),
        row(part, "of it anonymous", of(daemon, anonymous), "MiB"),
        row(part, "memory of Redis", of(redis, resident), "MiB"),
    ]
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
