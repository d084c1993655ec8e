//! One hook after the other, of each kind in turn.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::daemon::Daemon;
use crate::figures::{Times, judge};
use crate::peer;
use crate::redis::{self, Redis};
use crate::start::{FLOOR, Folder, HOOK, begin, hook, measure, payload};

const SEED_HOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/hook/seed_hook.py");

const SEND_BOUND: f64 = 2.2;
const ALL_IN_ALL_BOUND_PERCENT: f64 = 1.0;
const SIZE_BOUND_KB: f64 = 500.0;

/// Rounds that are run and not counted: files come into the page cache, the daemon to its pace.
const WARM_UP: usize = 5;

#[derive(Default)]
struct Rows {
    floor: Times,
    send: Times,
    answered: Times,
    with_daemon: Times,
    spooled: Times,
    python: Times,
}

/// Prints the rows and their ratios; whether every bound that could be measured was kept.
pub fn run(rounds: usize) -> bool {
    let folder = Folder::new("latency");
    let stand_in = folder.0.join("peer.sock");
    let arrivals = peer::listen(&stand_in);
    let daemon = Daemon::start(&folder.0);
    let python = Python::find(&folder.0);
    let mut rows = Rows::default();
    for round in 0..WARM_UP + rounds {
        if round == WARM_UP {
            rows = Rows::default();
        }
        let payload = payload("SubagentStop", &format!("a{round:016x}"));
        let mut floor = Command::new(FLOOR);
        rows.floor
            .add(measure(floor.arg("claude-code").env_clear(), &payload));

        let mut answered = hook(&stand_in, &folder.0.join("unused"));
        let (mut child, begun) = begin(&mut answered, &payload);
        let status = child.wait().expect("our own child");
        rows.answered.add(begun.elapsed());
        assert!(status.success());
        let arrived = arrivals.recv_timeout(Duration::from_secs(5));
        let arrived = arrived.expect("the line has arrived");
        rows.send.add(arrived.duration_since(begun));

        if let Some(daemon) = &daemon {
            let mut command = hook(&daemon.socket(), &daemon.spool());
            rows.with_daemon.add(measure(&mut command, &payload));
        }
        let spool = folder.0.join("spool");
        let mut spooled = hook(&folder.0.join("nobody"), &spool);
        rows.spooled.add(measure(&mut spooled, &payload));
        if let Some(python) = &python {
            rows.python.add(measure(&mut python.command(), &payload));
        }
    }
    rows.print();
    rows.judge(daemon.as_ref(), WARM_UP + rounds)
}

impl Rows {
    fn print(&mut self) {
        println!("{:<52} {:>9} {:>9} {:>6}", "", "median", "p95", "runs");
        for (name, times) in [
            (FLOOR, &mut self.floor),
            ("agentpulse-hook, up to the send", &mut self.send),
            (
                "agentpulse-hook, all in all, answered at once",
                &mut self.answered,
            ),
            (
                "agentpulse-hook, all in all, with the daemon",
                &mut self.with_daemon,
            ),
            (
                "agentpulse-hook, no daemon, into the spool",
                &mut self.spooled,
            ),
            ("the Python hook with redis-py", &mut self.python),
        ] {
            let (median, p95) = (times.median_ms(), times.percentile_ms(95));
            if times.count() > 0 {
                let count = times.count();
                println!("{name:<52} {median:>6.2} ms {p95:>6.2} ms {count:>6}");
            }
        }
    }

    fn judge(&mut self, daemon: Option<&Daemon>, sent: usize) -> bool {
        println!();
        let send = self.send.median_ms() / self.floor.median_ms();
        let mut met = judge("up to the send, of /bin/true", send, SEND_BOUND, " x");
        if self.python.count() > 0 && self.with_daemon.count() > 0 {
            let percent = self.with_daemon.median_ms() / self.python.median_ms() * 100.0;
            let what = "all in all with the daemon, of the Python hook";
            met &= judge(what, percent, ALL_IN_ALL_BOUND_PERCENT, " %");
        }
        let size = fs::metadata(HOOK).map_or(f64::NAN, |data| data.len() as f64 / 1e3);
        met &= judge("size of agentpulse-hook", size, SIZE_BOUND_KB, " kB");
        if let Some(daemon) = daemon {
            let all = || Ok(daemon.executions()? == sent as u64);
            let complete = daemon.comes_true(all);
            println!("executions equal the stops that were sent ({sent}): {complete}");
            met &= complete;
        }
        met
    }
}

struct Python {
    program: String,
    redis: Redis,
}

impl Python {
    /// None, with a word on what to do, where its row cannot be measured.
    fn find(folder: &Path) -> Option<Python> {
        let program = std::env::var("BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        if !redis::has_client(&program) {
            println!(
                "!!! the Python row is SKIPPED, {program} has no redis-py: \
                 python3 -m venv V && V/bin/pip install redis, then BENCH_PYTHON=V/bin/python3"
            );
            return None;
        }
        let redis = Redis::start(folder);
        if redis.is_none() {
            println!("!!! the Python row is SKIPPED: no redis-server or valkey-server");
        }
        redis.map(|redis| Python { program, redis })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(SEED_HOOK)
            .env("REDIS_PORT", self.redis.port.to_string());
        command
    }
}
