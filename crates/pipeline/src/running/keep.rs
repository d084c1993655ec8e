//! What is kept of the last heartbeats, so that an execution has after a restart of the daemon
//! the time that it had left before.
//!
//! A sign that is younger than the one that is kept by less than [`Timeouts::lag`] is not kept at
//! once, so that signs each second cost next to nothing. In exchange a kill within that time gives
//! the execution so much more: it is never ended early. A stop in order keeps all and adds nothing.

use std::time::Duration;

use super::{Running, Runs, Timeouts};
use agentpulse_core::last_heartbeat::LastHeartbeat;

/// What a kill may add to the life of an execution, at most.
const MAX_LAG: Duration = Duration::from_secs(5);

impl Timeouts {
    /// A tenth of the time-out, where that is less than [`MAX_LAG`].
    pub(super) fn lag(&self) -> Duration {
        MAX_LAG.min(self.idle / 10)
    }
}

impl Running {
    /// Whether a last sign is kept that its end must take away.
    pub fn is_kept(&self, id: &str) -> bool {
        let runs = self.runs();
        runs.by_id.get(id).is_some_and(|run| run.is_kept)
    }

    /// The signs that are to be kept now, at most `max`; while none must be, none. Those that may
    /// wait go along: what is written together costs one commit.
    pub fn to_keep(&self, listened: Duration, max: usize) -> Vec<(String, LastHeartbeat)> {
        let runs = self.runs();
        let lag = runs.timeouts.lag();
        match runs.unkept.first() {
            Some((kept, _)) if *kept + lag <= listened => runs.unkept(max),
            _ => Vec::new(),
        }
    }

    /// All that are not kept yet, at most `max`, the oldest first.
    pub fn unkept(&self, max: usize) -> Vec<(String, LastHeartbeat)> {
        self.runs().unkept(max)
    }

    /// These signs are on the disk.
    pub fn kept(&self, heartbeats: &[(String, LastHeartbeat)]) {
        let mut runs = self.runs();
        let runs = &mut *runs;
        for (id, _) in heartbeats {
            if let Some(run) = runs.by_id.get_mut(id.as_str()) {
                runs.unkept.remove(&(run.kept_at, id.as_str().into()));
                run.kept_at = run.seen_at;
                run.is_kept = true;
            }
        }
    }
}

impl Runs {
    fn unkept(&self, max: usize) -> Vec<(String, LastHeartbeat)> {
        let unkept = self.unkept.iter().take(max);
        unkept
            .filter_map(|(_, id)| Some((id.to_string(), self.by_id.get(id)?.last_heartbeat())))
            .collect()
    }
}
