//! Ends what nothing was heard of for too long. It only proposes: the writer looks again at each
//! execution before it ends it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::changes::{Changes, View};
use super::live_state::LiveState;
use super::tuning::Tuned;
use super::writer::{Door, Message};

/// A hung agent leaves within a second of its deadline.
const EVERY: Duration = Duration::from_millis(250);

pub struct Reaper {
    pub door: Door,
    pub changes: Arc<Changes>,
    pub state: Arc<LiveState>,
    /// Nothing is ended within the idle time-out after the start of the daemon: signs of life may
    /// be on their way that it could not hear.
    pub tuned: Tuned,
}

impl Reaper {
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let began = Instant::now();
        let mut may_reap = false;
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stop.changed() => return,
            }
            // Redis being away does not make a hung agent run.
            let settled = || !self.state.is_following() || self.changes.pending(View::Live) == 0;
            let grace = self.tuned.borrow().timeouts.idle;
            may_reap = may_reap || began.elapsed() >= grace && settled();
            let reap = may_reap;
            if self.door.send(Message::Tend { reap }).await.is_err() {
                return;
            }
        }
    }
}
