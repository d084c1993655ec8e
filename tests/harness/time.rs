//! The time, and waiting until a condition holds: nothing sleeps for a fixed time.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a condition may take to come true, on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(45);
/// How long to leave the machine alone between two looks.
pub const PAUSE: Duration = Duration::from_millis(40);

/// Asks until the answer is `Ok`; fails with the last reason after [`DEADLINE`].
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let begin = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(reason) if begin.elapsed() > DEADLINE => panic!("{what}: {reason}"),
            Err(_) => thread::park_timeout(PAUSE),
        }
    }
}

pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970");
    since.as_millis() as i64
}
