//! Whether the parts that everything hangs on move: each says when it begins a piece of work and
//! when it waits for the next. One that is at the same piece for long stands still.

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

/// Of a part that waits: that is no standing still.
const WAITS: u64 = u64::MAX;

#[derive(Debug)]
pub struct Pulse {
    began: Instant,
    /// When the piece of work began that each is at, in milliseconds since `began`.
    since_ms: [AtomicU64; 3],
}

impl Default for Pulse {
    fn default() -> Pulse {
        Pulse {
            began: Instant::now(),
            since_ms: [const { AtomicU64::new(WAITS) }; 3],
        }
    }
}

impl Pulse {
    /// Begins a piece of work, or the next one.
    pub fn works(&self, part: Part) {
        let since_ms = self.began.elapsed().as_millis() as u64;
        self.since_ms[part as usize].store(since_ms, Ordering::Relaxed);
    }

    pub fn waits(&self, part: Part) {
        self.since_ms[part as usize].store(WAITS, Ordering::Relaxed);
    }

    /// The first part that is at the same piece of work for longer than this.
    pub fn stuck(&self, longer_than: Duration, now: Instant) -> Option<Part> {
        let is_stuck = |part: &Part| self.is_stuck(*part, longer_than, now);
        Part::ALL.into_iter().find(is_stuck)
    }

    /// Whether this part is at the same piece of work for longer than this.
    pub fn is_stuck(&self, part: Part, longer_than: Duration, now: Instant) -> bool {
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
    fn who_waits_is_never_stuck_and_who_works_for_long_is() {
        let pulse = Pulse::default();
        let in_an_hour = Instant::now() + Duration::from_secs(3_600);
        assert_eq!(pulse.stuck(LIMIT, in_an_hour), None);
        pulse.works(Part::History);
        assert_eq!(pulse.stuck(LIMIT, Instant::now()), None);
        assert_eq!(pulse.stuck(LIMIT, in_an_hour), Some(Part::History));
        pulse.works(Part::Writer);
        assert_eq!(pulse.stuck(LIMIT, in_an_hour), Some(Part::Writer));
        pulse.waits(Part::Writer);
        pulse.waits(Part::History);
        assert_eq!(pulse.stuck(LIMIT, in_an_hour), None);
    }
}
