//! Whether the daemon should be sent traffic, and if not, why.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::changes::{Changes, View};
use super::clock::now_ms;
use super::counters::Counters;
use super::live_state::{Condition, LiveState};
use super::settings::SettingsWatch;
use super::watchdog::{Part, Watchdog};

/// History may be this far beyond its interval before the daemon says that it is not ready.
pub const FLUSH_LAG_ALLOWED_MS: i64 = 10_000;
pub const LIVE_LAG_ALLOWED_MS: i64 = 5_000;
/// One commit may take so long: another program may hold the journal for a moment.
const COMMIT_ALLOWED: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Readiness {
    pub changes: Arc<Changes>,
    pub state: Arc<LiveState>,
    pub counters: Arc<Counters>,
    pub settings: SettingsWatch,
    pub watchdog: Arc<Watchdog>,
    /// Where the journal was when the daemon started: it is ready once live has applied that.
    pub head_at_start: u64,
    /// The event socket is open.
    pub open: Arc<AtomicBool>,
}

impl Readiness {
    /// Why no event is taken now, if none is. It clears by itself.
    pub fn blocked(&self) -> Option<String> {
        let now = Instant::now();
        let is_stalled = self.watchdog.is_stalled(Part::Writer, COMMIT_ALLOWED, now);
        self.counters.blocked.reason().or_else(|| {
            let s = COMMIT_ALLOWED.as_secs();
            is_stalled.then(|| format!("a commit to the journal takes more than {s} s"))
        })
    }

    /// Why the daemon should not be sent traffic, if it should not.
    pub fn ready(&self) -> Result<(), String> {
        let now_ms = now_ms();
        if !self.open.load(Ordering::Acquire) {
            return Err("the event socket is not open yet".to_owned());
        }
        if let Some(reason) = self.blocked() {
            return Err(format!("no event is taken: {reason}"));
        }
        let condition = self.state.condition();
        if condition != Condition::Following {
            return Err(format!("live is {condition}"));
        }
        if self.changes.position(View::Live) < self.head_at_start {
            return Err("live has not yet applied the journal as it was".to_owned());
        }
        let lag_ms = self.changes.lag_ms(View::Live, now_ms);
        if lag_ms > LIVE_LAG_ALLOWED_MS {
            return Err(format!("live is {lag_ms} ms behind"));
        }
        let lag_ms = self.changes.lag_ms(View::History, now_ms);
        if lag_ms > self.settings.borrow().flush_interval_ms() + FLUSH_LAG_ALLOWED_MS {
            return Err(format!("history is {lag_ms} ms behind"));
        }
        Ok(())
    }
}
