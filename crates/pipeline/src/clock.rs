//! The clocks: the wall clock, read in one place, and how long the daemon has listened. What else
//! is measured is measured with `Instant`.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::time::sleep_until;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since 1970; before it the clock is not set, and every time is as good as 0.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

/// Waits for at most a second. All that wait so are woken together, so that the processor sleeps in
/// between.
pub async fn next_second() {
    let seconds = BEGAN.elapsed().as_secs() + 1;
    sleep_until((*BEGAN + Duration::from_secs(seconds)).into()).await;
}

/// Now, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub wall_ms: i64,
    /// How long the daemon has listened, over all of its lives. It does not jump, and stands while
    /// no event could be received.
    pub listened: Duration,
}

/// How long the daemon has listened.
pub struct Listening {
    /// In earlier lives.
    before: Duration,
    since: Option<Instant>,
}

impl Listening {
    pub fn after(before: Duration) -> Listening {
        Listening {
            before,
            since: None,
        }
    }

    /// Whether that is news.
    pub fn begin(&mut self) -> bool {
        let is_news = self.since.is_none();
        self.since.get_or_insert_with(Instant::now);
        is_news
    }

    pub fn now(&self) -> Now {
        let since = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        Now {
            wall_ms: now_ms(),
            listened: self.before + since,
        }
    }
}
