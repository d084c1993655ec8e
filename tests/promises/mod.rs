//! What the daemon promises, each promise in a file of its own that tries to break it.
//!
//! `make test` runs a short form of each; with `AGENTPULSE_TEST_LONG=1` (`make soak`) they run
//! with the numbers that the promises name.

mod p01_acknowledged;
mod p01_crash_points;
mod p01_power_cut;
mod p02_counted_once;
mod p03_redis_away;
mod p04_redis_replaced;
mod p05_scripts_lost;
mod p06_redis_full;
mod p07_disk;
mod p08_active_set;
mod p09_hung;
mod p10_clock;
mod p11_memory;
mod p12_any_bytes;
mod p13_sigterm;
mod p14_two_daemons;
mod p15_backup;
mod p15_power_cut;
mod p15_restore;
mod p16_percentiles;
mod p17_soak;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::check::{over_http, redis_keys};
use crate::harness::{Daemon, Redis, deliver, eventually};
use crate::model::{Arrival, World};

/// Whether the tests may take as long as the promises say.
pub fn is_long() -> bool {
    std::env::var_os("AGENTPULSE_TEST_LONG").is_some()
}

/// What a test does in its short form, and what in its long one.
pub fn sized<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// Takes all room that there is on a small disk.
pub fn fill(path: &Path) {
    let mut file = File::create(path).expect("a file");
    for bytes in [1 << 20, 4_096, 1] {
        let block = vec![0; bytes];
        while file.write_all(&block).is_ok() {}
    }
}

pub fn arrivals(lines: &[Value], at_ms: i64) -> Vec<Arrival> {
    let arrival = |line: &Value| Arrival {
        line: line.clone(),
        at_ms,
    };
    lines.iter().map(arrival).collect()
}

/// HTTP and a Redis of the test's own say what the model says.
#[track_caller]
pub fn equals(daemon: &Daemon, redis: &Redis, world: &World) {
    eventually("HTTP equals the model", || over_http(daemon, world));
    eventually("Redis equals the model", || {
        redis_keys::everything(&redis.socket(), "", world)
    });
}

/// Lines that are delivered by several senders beside the test, each until it is acknowledged.
pub struct Load {
    lines: usize,
    acknowledged: Arc<AtomicUsize>,
    senders: Vec<JoinHandle<()>>,
}

impl Load {
    pub fn start(socket: &Path, lines: &[Value], senders: usize) -> Load {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let parts = lines.chunks(lines.len().div_ceil(senders).max(1));
        let senders = parts.map(|part| {
            let (socket, part) = (socket.to_owned(), part.to_vec());
            let acknowledged = acknowledged.clone();
            thread::spawn(move || deliver(&socket, &part, &acknowledged))
        });
        Load {
            lines: lines.len(),
            senders: senders.collect(),
            acknowledged,
        }
    }

    /// One sender that leaves the daemon alone for a while after every ten lines.
    pub fn paced(socket: &Path, lines: &[Value], pause: Duration) -> Load {
        let (socket, own) = (socket.to_owned(), lines.to_vec());
        let acknowledged = Arc::<AtomicUsize>::default();
        let counted = acknowledged.clone();
        let sender = thread::spawn(move || {
            for part in own.chunks(10) {
                deliver(&socket, part, &counted);
                thread::park_timeout(pause);
            }
        });
        Load {
            lines: lines.len(),
            acknowledged,
            senders: vec![sender],
        }
    }

    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Until so many are acknowledged; of blows that come in between, each meets a running load.
    #[track_caller]
    pub fn wait_for(&self, count: usize) {
        eventually("events are acknowledged", || {
            let done = self.acknowledged();
            (done >= count)
                .then_some(())
                .ok_or(format!("{done} of {count}"))
        });
    }

    pub fn is_running(&self) -> bool {
        self.senders.iter().any(|sender| !sender.is_finished())
    }

    #[track_caller]
    pub fn finish(self) {
        for sender in self.senders {
            sender.join().expect("every line was acknowledged");
        }
        assert_eq!(self.acknowledged.load(Ordering::SeqCst), self.lines);
    }
}
