//! 64 hooks at once, again and again, against the real daemon: how long the slowest took, and
//! whether all of them were counted.
//!
//! With more hooks than processors most of a hook's wall time is waiting for a processor, which
//! is the bench's doing. Its own time is the rest: what it computes, and what it waits for the
//! daemon or a disk. The kernel says how long a process was ready and did not run.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::daemon::Daemon;
use crate::figures::{Times, judge};
use crate::start::{Folder, begin, hook, payload};

const AT_ONCE: usize = 64;
const OWN_BOUND_MS: f64 = 60.0;

#[derive(Default)]
struct Seen {
    wall: Times,
    own: Times,
}

/// Whether no hook was too slow and none was lost.
pub fn run(seconds: u64) -> bool {
    let folder = Folder::new("storm");
    let Some(daemon) = Daemon::start(&folder.0) else {
        return false;
    };
    let until = Instant::now() + Duration::from_secs(seconds);
    let agents = AtomicU64::new(0);
    let mut seen = Seen::default();
    thread::scope(|scope| {
        let one = || storm_until(until, &agents, &daemon);
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(one)).collect();
        for worker in workers {
            let mut part = worker.join().expect("a worker ends");
            seen.wall.append(&mut part.wall);
            seen.own.append(&mut part.own);
        }
    });
    let spooled = lines_in(&daemon.spool());
    report(&mut seen, seconds, spooled, &daemon, agents.into_inner())
}

/// An agent's start and its stop, as two hooks; then the next agent.
fn storm_until(until: Instant, agents: &AtomicU64, daemon: &Daemon) -> Seen {
    let mut seen = Seen::default();
    while Instant::now() < until {
        let agent_id = format!("a{:016x}", agents.fetch_add(1, Ordering::Relaxed));
        for event in ["SubagentStart", "SubagentStop"] {
            let mut command = hook(&daemon.socket(), &daemon.spool());
            measure(&mut command, &payload(event, &agent_id), &mut seen);
        }
    }
    seen
}

fn measure(command: &mut Command, payload: &[u8], seen: &mut Seen) {
    let queued_before = queued(Path::new("/proc/thread-self/schedstat"));
    let (mut child, begun) = begin(command, payload);
    // Ended, but still there to be asked.
    let pid = WaitId::Pid(Pid::from_child(&child));
    let ended = waitid(pid, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    let wall = begun.elapsed();
    ended.expect("our own child");
    let of_child = queued(Path::new(&format!("/proc/{}/schedstat", child.id())));
    let of_bench = queued(Path::new("/proc/thread-self/schedstat")) - queued_before;
    assert!(child.wait().expect("our own child").success());
    seen.wall.add(wall);
    seen.own.add(wall.saturating_sub(of_child + of_bench));
}

/// How long a task was ready to run and did not: the second number of its `schedstat`, in ns.
/// Zero where the system does not tell: then a hook's own time is its wall time.
fn queued(path: &Path) -> Duration {
    let text = fs::read_to_string(path).unwrap_or_default();
    let number = text.split_ascii_whitespace().nth(1);
    Duration::from_nanos(number.and_then(|text| text.parse().ok()).unwrap_or(0))
}

fn lines_in(spool: &Path) -> usize {
    let entries = fs::read_dir(spool).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".json"))
        .count()
}

fn report(seen: &mut Seen, seconds: u64, spooled: usize, daemon: &Daemon, agents: u64) -> bool {
    let hooks = seen.wall.count();
    let rate = hooks as u64 / seconds;
    println!("{hooks} hooks in {seconds} s, {AT_ONCE} at once: {rate} a second");
    println!("{:<12} {:>9} {:>9} {:>9}", "", "median", "p99", "slowest");
    for (name, times) in [("wall", &mut seen.wall), ("of its own", &mut seen.own)] {
        let [median, p99, slowest] = [50, 99, 100].map(|percent| times.percentile_ms(percent));
        println!("{name:<12} {median:>6.2} ms {p99:>6.2} ms {slowest:>6.2} ms");
    }
    println!("in the spool at the end: {spooled}\n");
    let slowest = seen.own.percentile_ms(100);
    let quick = judge("the slowest hook, of its own", slowest, OWN_BOUND_MS, " ms");
    let settled = || -> io::Result<bool> {
        let counted = daemon.executions()? == agents && daemon.active()? == 0;
        Ok(counted && lines_in(&daemon.spool()) == 0)
    };
    let complete = daemon.comes_true(settled);
    let executions = daemon.executions().unwrap_or(0);
    println!("{agents} agents were run, {executions} executions are counted: {complete}");
    quick && complete
}
