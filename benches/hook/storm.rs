//! 64 hooks at once, again and again, against the real daemon: how long the slowest took, and
//! whether all of them were counted.
//!
//! With more hooks than processors most of a hook's wall time is waiting for a processor, which
//! is the bench's doing. Its own time is the rest: what it computes, and what it waits for the
//! daemon or a disk. The kernel says how long a process was ready and did not run. `/bin/true`,
//! started now and then in between, shows what of it is the machine's.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::daemon::Daemon;
use crate::figures::{Times, judge};
use crate::start::{FLOOR, Folder, HOOK, begin, hook, payload};

/// The bench's own subcommand for one of the processes that start hooks.
pub const WORKER: &str = "storm-worker";

const AT_ONCE: usize = 64;
const OWN_BOUND_MS: f64 = 60.0;

/// After so many agents a worker starts a `/bin/true`.
const FLOOR_EVERY: u64 = 8;

#[derive(Default)]
struct Seen {
    wall: Times,
    own: Times,
    floor_own: Times,
}

/// Whether no hook was too slow and none was lost.
pub fn run(seconds: u64) -> bool {
    let folder = Folder::new("storm");
    let Some(daemon) = Daemon::start(&folder.0) else {
        return false;
    };
    let bench = env::current_exe().expect("the bench's own program");
    // Processes, as agents' clients are: threads of one would wait for each other's memory map.
    let workers: Vec<Child> = (0..AT_ONCE)
        .map(|number| {
            let mut worker = Command::new(&bench);
            worker.args([WORKER, &number.to_string(), &seconds.to_string()]);
            worker.args([daemon.socket(), daemon.spool()]);
            worker.stdout(Stdio::piped());
            worker.spawn().expect("a worker starts")
        })
        .collect();
    let mut seen = Seen::default();
    for worker in workers {
        let told = worker.wait_with_output().expect("our own child");
        assert!(told.status.success(), "a worker failed");
        seen.add(&String::from_utf8_lossy(&told.stdout));
    }
    let spooled = lines_in(&daemon.spool());
    report(&mut seen, seconds, spooled, &daemon)
}

impl Seen {
    /// Lines of a worker: what it ran, and its wall and own time in ns.
    fn add(&mut self, told: &str) {
        for line in told.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [program, wall, own] = words[..] else {
                panic!("a worker said {line}");
            };
            let [wall, own] = [wall, own].map(|ns| Duration::from_nanos(ns.parse().expect("ns")));
            if program == HOOK {
                self.wall.add(wall);
                self.own.add(own);
            } else {
                self.floor_own.add(own);
            }
        }
    }
}

/// One of the 64: an agent's start and its stop, as two hooks; then the next agent.
pub fn work(arguments: &[String]) {
    let [number, seconds, socket, spool] = arguments else {
        panic!("{WORKER} NUMBER SECONDS SOCKET SPOOL");
    };
    let seconds = seconds.parse().expect("a number of seconds");
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut told = String::new();
    let mut agent = 0;
    while Instant::now() < until {
        let agent_id = format!("a{number:0>4}{agent:012x}");
        for event in ["SubagentStart", "SubagentStop"] {
            let mut command = hook(Path::new(socket), Path::new(spool));
            told += &measure(&mut command, &payload(event, &agent_id));
        }
        if agent % FLOOR_EVERY == 0 {
            told += &measure(&mut Command::new(FLOOR), b"");
        }
        agent += 1;
    }
    print!("{told}");
}

/// A line for [`Seen::add`].
fn measure(command: &mut Command, payload: &[u8]) -> String {
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
    let own = wall.saturating_sub(of_child + of_bench);
    let program = command.get_program().display();
    format!("{program} {} {}\n", wall.as_nanos(), own.as_nanos())
}

/// How long a task was ready to run and did not: the second number of its `schedstat`, in ns.
/// Zero where the system does not report it: then a hook's own time is its wall time.
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

fn report(seen: &mut Seen, seconds: u64, spooled: usize, daemon: &Daemon) -> bool {
    let hooks = seen.wall.count() as u64;
    let (agents, rate) = (hooks / 2, hooks / seconds);
    println!("{hooks} hooks in {seconds} s, {AT_ONCE} at once: {rate} a second");
    println!("{:<24} {:>9} {:>9} {:>9}", "", "median", "p99", "slowest");
    for (name, times) in [
        ("wall", &mut seen.wall),
        ("of its own", &mut seen.own),
        ("/bin/true, of its own", &mut seen.floor_own),
    ] {
        let [median, p99, slowest] = [50, 99, 100].map(|percent| times.percentile_ms(percent));
        println!("{name:<24} {median:>6.2} ms {p99:>6.2} ms {slowest:>6.2} ms");
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
