//! Ends what has had no heartbeat for too long. It only proposes: the writer checks each execution
//! again before it ends it, and counts no silence before the first of these messages.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::changes::{Changes, View};
use super::live_state::LiveState;
use super::writer::WriterHandle;

/// A hung agent leaves within a second of its deadline.
const EVERY: Duration = Duration::from_millis(250);

/// It starts once the spool is empty and the socket is open.
pub struct Reaper {
    pub writer: WriterHandle,
    pub changes: Arc<Changes>,
    pub state: Arc<LiveState>,
}

impl Reaper {
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut reap = false;
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stop.changed() => return,
            }
            // Redis being away does not make a hung agent run.
            reap = reap || !self.state.is_following() || self.changes.pending(View::Live) == 0;
            if self.writer.tick(reap).await.is_err() {
                return;
            }
        }
    }
}
