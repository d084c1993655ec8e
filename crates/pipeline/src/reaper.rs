//! Ends what has had no heartbeat for too long. It only proposes: the writer checks each execution
//! again before it ends it, and counts no silence before the first of these messages.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::changes::{Changes, View};
use super::clock::next_second;
use super::live_state::LiveState;
use super::running::Running;
use super::writer::WriterHandle;

/// A hung agent leaves within a second of its deadline.
const EVERY: Duration = Duration::from_millis(250);

/// It starts once the spool is empty and the socket is open.
pub struct Reaper {
    pub writer: WriterHandle,
    pub changes: Arc<Changes>,
    pub state: Arc<LiveState>,
    pub running: Arc<Running>,
}

impl Reaper {
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut reap = false;
        let mut head = 0;
        loop {
            // Redis being away does not make a hung agent run.
            reap = reap || !self.state.is_following() || self.changes.pending(View::Live) == 0;
            if self.writer.tick(reap).await.is_err() {
                return;
            }
            // Then nothing is to be pruned either. What starts meanwhile has a timeout of a second
            // at least: its deadline is not before the next tick.
            let is_at_rest = self.running.count() == 0 && self.changes.head() == head;
            head = self.changes.head();
            let pause = async {
                match is_at_rest {
                    true => next_second().await,
                    false => sleep(EVERY).await,
                }
            };
            tokio::select! {
                () = pause => {}
                _ = stop.changed() => return,
            }
        }
    }
}
