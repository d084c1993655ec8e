//! One batch of changes after the other into Redis.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::time::{Instant, sleep_until};

use super::checks::Checks;
use super::error::ApplyError;
use super::history::HistorySnapshots;
use super::rebuild::Rebuild;
use super::runs::Runs;
use crate::changes::{Changes, View};
use crate::clock::now_ms;
use crate::counters::Counters;
use crate::holds::{Holder, Holds};
use crate::live_state::LiveState;
use crate::settings::SettingsWatch;
use crate::watchdog::Watchdog;
use crate::writer::Heartbeats;
use agentpulse_core::change::Change;
use agentpulse_core::cursor::Cursor;
use agentpulse_core::names::Names;
use agentpulse_failpoint::failpoint;
use agentpulse_live::{Live, Writes, with_layout};
use agentpulse_store::journal::Tail;

/// Changes in one script without a backlog; Redis is then blocked for some 5 ms.
const BATCH: usize = 256;
/// The same with a backlog.
const BACKLOG_BATCH: usize = 1_024;
/// The same in bytes: they are copied several times on the way to Redis.
const BATCH_BYTES: usize = 4 << 20;
/// Between two batches: a larger batch costs Redis less, and nobody sees 50 ms.
const PACE: Duration = Duration::from_millis(50);
pub struct Applier {
    pub(super) rebuild: Rebuild,
    pub(super) past_epochs: Vec<String>,
    pub(super) tail: Tail,
    pub(super) heartbeats: Arc<Heartbeats>,
    pub(super) runs: Runs,
    pub(super) live: Live,
    pub(super) epoch: String,
    /// As it stands in the cursor of Redis.
    pub(super) live_epoch: String,
    pub(super) history: HistorySnapshots,
    pub(super) settings: SettingsWatch,
    pub(super) names: Arc<RwLock<Names>>,
    pub(super) changes: Arc<Changes>,
    pub(super) state: Arc<LiveState>,
    pub(super) counters: Arc<Counters>,
    pub(super) watchdog: Arc<Watchdog>,
    holds: Arc<Holds>,
    pub(super) checks: Checks,
    /// The cursor alone does not say that the live view must be rebuilt.
    pub(super) must_rebuild: bool,
    /// Rebuilds in a row that ended for want of memory in Redis.
    pub(super) out_of_memory_retries: u32,
    /// The journal is held for a rebuild until live has come here.
    pub(super) release_at: u64,
}

impl Applier {
    /// Follows the journal into what `rebuild` rebuilds.
    pub fn new(
        rebuild: Rebuild,
        past_epochs: Vec<String>,
        tail: Tail,
        heartbeats: Arc<Heartbeats>,
        runs: Runs,
    ) -> Applier {
        Applier {
            past_epochs,
            tail,
            heartbeats,
            runs,
            live: rebuild.live.clone(),
            epoch: rebuild.epoch.clone(),
            live_epoch: with_layout(&rebuild.epoch),
            history: rebuild.history.clone(),
            settings: rebuild.settings.clone(),
            names: rebuild.names.clone(),
            changes: rebuild.changes.clone(),
            state: rebuild.state.clone(),
            counters: rebuild.counters.clone(),
            watchdog: rebuild.watchdog.clone(),
            holds: rebuild.holds.clone(),
            rebuild,
            checks: Checks::new(Instant::now()),
            must_rebuild: false,
            out_of_memory_retries: 0,
            release_at: 0,
        }
    }

    /// Applies the next batch.
    pub(super) async fn apply(&mut self, seq: u64) -> Result<Option<u64>, ApplyError> {
        let began = Instant::now();
        let pending = self.changes.head().saturating_sub(seq);
        let max = if pending > BATCH as u64 {
            BACKLOG_BATCH
        } else {
            BATCH
        };
        let mut batch = self
            .changes
            .after(seq, max, &self.tail)
            .map_err(|error| ApplyError::Journal(error.to_string()))?;
        batch.truncate(within(&batch, BATCH_BYTES));
        let Some(last) = batch.last() else {
            return Ok(None); // Pruned meanwhile: the cursor asks for a rebuild.
        };
        let (from, to) = (
            Cursor::new(&self.live_epoch, seq),
            Cursor::new(&self.live_epoch, last.seq),
        );
        let writes = self.writes(&batch);
        failpoint("apply.summed");
        let answer = self
            .live
            .apply(&from.to_string(), &to.to_string(), writes)
            .await?;
        failpoint("apply.answered");
        match Cursor::parse(&answer) {
            Some(cursor) if cursor == to => self.advance(to.seq),
            // A batch that was thought lost has landed, or Redis has lost some: find out.
            _ => return Ok(None),
        }
        if self.changes.head().saturating_sub(to.seq) < BACKLOG_BATCH as u64 {
            sleep_until(began + PACE).await;
        }
        Ok(Some(to.seq))
    }

    fn writes(&self, batch: &[Arc<Change>]) -> Writes {
        let names = self.names.read();
        let idle_ms = self.settings.borrow().idle_ms();
        Writes::of(batch, &names, self.live.keys(), idle_ms, now_ms())
    }

    pub(super) fn advance(&self, seq: u64) {
        self.changes.applied(View::Live, seq);
        if seq >= self.release_at {
            self.release();
        }
    }

    /// The journal need not wait for a rebuild any more.
    pub(super) fn release(&self) {
        self.holds.release(Holder::Rebuild);
    }
}

/// How many of the first have no more than so many bytes; at least one.
fn within(changes: &[Arc<Change>], max_bytes: usize) -> usize {
    let mut bytes = 0;
    let fits = |change: &&Arc<Change>| {
        bytes += change.after.bytes();
        bytes <= max_bytes
    };
    changes.iter().take_while(fits).count().max(1)
}
