//! One batch of changes after the other into history.

use std::sync::Arc;

use parking_lot::RwLock;
use tracing::warn;

use super::error::FlushError;
use crate::changes::{Changes, View};
use crate::counters::Counters;
use crate::live_state::LiveState;
use crate::persisted_counters::PersistedCounters;
use crate::settings::SettingsWatch;
use crate::watchdog::{Part, Watchdog};
use crate::writer::WriterHandle;
use agentpulse_core::cursor::Cursor;
use agentpulse_core::lifetime::LifetimeCounters;
use agentpulse_core::names::Names;
use agentpulse_failpoint::failpoint;
use agentpulse_store::history::History;
use agentpulse_store::journal::Tail;

/// Changes in one transaction; so many also start one before its time.
pub(super) const BATCH: usize = 8_192;
/// Above this the flusher itself waits for the log to be written back: with a backlog the
/// checkpoints beside it never catch up.
const MAX_WAL_BYTES: u64 = 64 << 20;

pub struct Flusher {
    pub history: History,
    pub epoch: String,
    pub settings: SettingsWatch,
    pub changes: Arc<Changes>,
    pub tail: Tail,
    pub writer: WriterHandle,
    pub state: Arc<LiveState>,
    pub counters: Arc<Counters>,
    pub watchdog: Arc<Watchdog>,
    pub persisted: Arc<PersistedCounters>,
    pub names: Arc<RwLock<Names>>,
}

impl Flusher {
    /// All that is committed now. Says whether there was anything.
    pub(super) fn flush_all(&mut self) -> Result<bool, FlushError> {
        let head = self.changes.head();
        let is_behind = self.changes.position(View::History) < head;
        while self.changes.position(View::History) < head {
            let seq = self.flush()?;
            self.changes.applied(View::History, seq);
            self.writer.flushed(seq);
            failpoint("flush.told");
        }
        Ok(is_behind)
    }

    /// One transaction. Returns up to which change history then reaches.
    fn flush(&mut self) -> Result<u64, FlushError> {
        self.watchdog.busy(Part::History);
        let position = self.changes.position(View::History);
        let batch = self.changes.after(position, BATCH, &self.tail)?;
        let Some(last) = batch.last() else {
            return Err(FlushError::Gap(position));
        };
        let totals = {
            let names = self.names.read();
            LifetimeCounters::of(batch.iter().map(Arc::as_ref), &names)
        };
        failpoint("flush.read");
        let cursor = Cursor::new(&self.epoch, last.seq);
        let at_limit = self.history.flush(&batch, &totals, &cursor)?;
        self.counters.sums_at_limit.add(at_limit);
        failpoint("flush.committed");
        self.bound_wal();
        Ok(last.seq)
    }

    pub(super) fn bound_wal(&self) {
        if self.history.wal_bytes() > MAX_WAL_BYTES
            && let Err(error) = self.history.restart_wal()
        {
            warn!(%error, "history's log could not be written back");
        }
    }
}
