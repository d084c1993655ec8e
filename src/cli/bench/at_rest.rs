//! What a daemon with nothing to do costs.

use std::fs;
use std::thread;
use std::time::Duration;

use super::result::{Row, row};
use super::subject::Subject;

/// Long enough for several rounds of whatever is done every two seconds.
const LASTS: Duration = Duration::from_secs(10);

pub fn measure(subject: &Subject) -> Vec<Row> {
    let used = || [Some(subject.pid()), subject.redis_pid()].map(|pid| cpu_ns(pid?));
    let before = used();
    thread::sleep(LASTS);
    let [daemon, redis] = [0, 1].map(|at| {
        let used_ns = used()[at]?.checked_sub(before[at]?)?;
        Some(100.0 * used_ns as f64 / LASTS.as_nanos() as f64)
    });
    let part = "at rest";
    let both = daemon.zip(redis).map(|(daemon, redis)| daemon + redis);
    vec![
        row(part, "processor time of the daemon", daemon, "% of a core"),
        row(part, "processor time of Redis", redis, "% of a core"),
        row(part, "both", both, "% of a core").at_most(0.2),
    ]
}

/// The processor time of all threads of a process that live, in ns.
fn cpu_ns(pid: u32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let of_thread = |thread: fs::DirEntry| -> Option<u64> {
        let stat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse().ok()
    };
    Some(threads.flatten().filter_map(of_thread).sum())
}
