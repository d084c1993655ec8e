//! What is kept of the last signs of life, so that an execution has after a restart of the daemon
//! the time that it had left before.
//!
//! A sign that is younger than the one that is kept by less than [`Timeouts::lag`] is not kept at
//! once, so that signs each second cost next to nothing. In exchange a restart gives the execution
//! so much more time: it is never ended early.

use std::time::Duration;

use super::{Run, Running, Timeouts};
use crate::domain::last_sign::LastSign;

/// What a restart may add to the life of an execution, at most.
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
        self.runs.get(id).is_some_and(|run| run.is_kept)
    }

    /// The signs that are to be kept now, at most `max`; while none must be, none. Those that may
    /// wait go along: what is written together costs one commit.
    pub fn to_keep(&self, listened: Duration, max: usize) -> Vec<(String, LastSign)> {
        let lag = self.timeouts.lag();
        match self.unkept.first() {
            Some((kept, _)) if *kept + lag <= listened => self.unkept(max),
            _ => Vec::new(),
        }
    }

    /// All that are not kept yet, at most `max`, the oldest first.
    pub fn unkept(&self, max: usize) -> Vec<(String, LastSign)> {
        let unkept = self.unkept.iter().take(max);
        unkept
            .filter_map(|(_, id)| Some((id.clone(), self.runs.get(id)?.last_sign())))
            .collect()
    }

    /// These signs are on the disk.
    pub fn kept(&mut self, signs: &[(String, LastSign)]) {
        for (id, _) in signs {
            if let Some(run) = self.runs.get_mut(id) {
                self.unkept.remove(&(run.kept_at, id.clone()));
                run.kept_at = run.heard_at;
                run.is_kept = true;
            }
        }
    }
}

impl Run {
    fn last_sign(&self) -> LastSign {
        LastSign {
            listened_ms: self.heard_at.as_millis() as u64,
            at_ms: self.last_sign_ms,
            late_ms: self.late_ms,
            open: self.open.clone(),
        }
    }
}
