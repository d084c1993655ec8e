//! Whether the parts that everything hangs on make progress: each says when it begins a piece of
//! work and when it is idle. One that is at the same piece for long has stalled.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Writer,
    Live,
    History,
}

impl Part {
    const ALL: [Part; 3] = [Part::Writer, Part::Live, Part::History];

    pub fn name(self) -> &'static str {
        match self {
            Part::Writer => "the writer",
            Part::Live => "the live view",
            Part::History => "history",
        }
    }
}

/// Of a part that is idle, which never stalls.
const IDLE: u64 = u64::MAX;

#[derive(Debug)]
pub struct Watchdog {
    began: Instant,
    /// When the piece of work began that each is at, in milliseconds since `began`.
    since_ms: [AtomicU64; 3],
}

impl Default for Watchdog {
    fn default() -> Watchdog {
        Watchdog {
            began: Instant::now(),
            since_ms: [const { AtomicU64::new(IDLE) }; 3],
        }
    }
}

impl Watchdog {
    /// Begins a piece of work, or the next one.
    pub fn busy(&self, part: Part) {
        let since_ms = self.began.elapsed().as_millis() as u64;
        self.since_ms[part as usize].store(since_ms, Ordering::Relaxed);
    }

    pub fn idle(&self, part: Part) {
        self.since_ms[part as usize].store(IDLE, Ordering::Relaxed);
    }

    /// The first part that is at the same piece of work for longer than this.
    pub fn stalled(&self, longer_than: Duration, now: Instant) -> Option<Part> {
        let is_stalled = |part: &Part| self.is_stalled(*part, longer_than, now);
        Part::ALL.into_iter().find(is_stalled)
    }

    /// Whether this part is at the same piece of work for longer than this.
    pub fn is_stalled(&self, part: Part, longer_than: Duration, now: Instant) -> bool {
        let now_ms = now.saturating_duration_since(self.began).as_millis() as u64;
        let since_ms = self.since_ms[part as usize].load(Ordering::Relaxed);
        u128::from(now_ms.saturating_sub(since_ms)) > longer_than.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn an_idle_part_is_never_stuck_and_one_that_is_busy_for_long_is() {
        let watchdog = Watchdog::default();
        let in_an_hour = Instant::now() + Duration::from_secs(3_600);
        assert_eq!(watchdog.stalled(LIMIT, in_an_hour), None);
        watchdog.busy(Part::History);
        assert_eq!(watchdog.stalled(LIMIT, Instant::now()), None);
        assert_eq!(watchdog.stalled(LIMIT, in_an_hour), Some(Part::History));
        watchdog.busy(Part::Writer);
        assert_eq!(watchdog.stalled(LIMIT, in_an_hour), Some(Part::Writer));
        watchdog.idle(Part::Writer);
        watchdog.idle(Part::History);
        assert_eq!(watchdog.stalled(LIMIT, in_an_hour), None);
    }
}
