//! What is decided goes to the journal, and after that to memory and to the views.

use tracing::error;

use super::blocked::unwritten;
use super::commit::Batch;
use super::handle::Unavailable;
use super::memory::Memory;
use super::state::Writer;
use crate::changes::View;
use crate::clock::{Now, now_ms};
use agentpulse_core::change::ChangeKind;
use agentpulse_failpoint::failpoint;
use agentpulse_store::journal::Prune;

impl Writer {
    pub(super) fn commit(
        &mut self,
        memory: &mut Memory,
        mut batch: Batch,
        now: Now,
    ) -> Result<(), Unavailable> {
        if !batch.is_empty() {
            let prune = self.prune(memory);
            failpoint("commit.decided");
            let mut entry = batch.entry(now);
            let ended = batch
                .changes
                .iter()
                .filter(|change| !change.after.is_running());
            let ended = ended.map(|change| change.id());
            entry.ended = ended.filter(|id| memory.running.is_kept(id)).collect();
            if let Err(error) = self.journal.append(&entry, &prune) {
                self.counters.journal_failures.add(1);
                error!(%error, "the journal could not be written");
                self.report_damage(&error);
                self.untrack(&mut batch);
                let unavailable = unwritten(&error);
                self.counters.blocked.set(&unavailable.0);
                return Err(unavailable);
            }
            self.has_deferred |= !batch.deferred.is_empty();
            self.counters.last.journal_written.set(now.wall_ms);
            self.counters.blocked.clear();
        }
        failpoint("commit.journaled");
        for change in &batch.changes {
            let was_capped = change.before.as_ref().is_some_and(|one| one.is_capped());
            if change.after.is_capped() && !was_capped {
                self.counters.executions_capped.add(1);
            }
            let was_discovered = change
                .before
                .as_ref()
                .is_some_and(|one| one.is_discovered());
            if change.after.is_discovered() && !was_discovered {
                self.counters.executions_discovered.add(1);
            }
            memory.follow(change, now);
            self.live_usage.follow(&change.after);
            if !change.after.is_running() {
                self.heartbeats.forget(change.id());
            }
            if change.after.is_unread() {
                self.unread.put(change.id());
            }
            if change.kind == ChangeKind::Revived {
                self.counters.reopened.add(1);
            }
        }
        self.changes.publish(&batch.changes);
        // A change puts what it knows in the place of the last heartbeat.
        let again = batch.changes.iter().map(|change| change.id());
        let again = again.filter_map(|id| memory.running.last(id));
        again.for_each(|heartbeat| self.heartbeats.put(heartbeat));
        for progress in &batch.heartbeats {
            if let Some(heartbeat) = memory.running.record_heartbeat(progress, now) {
                self.heartbeats.put(heartbeat);
            }
        }
        let lists = batch.task_lists.into_iter();
        lists.for_each(|list| self.task_lists.put(list));
        self.keep_heartbeats(memory);
        let dropped = memory.running.take_names_dropped();
        self.counters.tool_names_dropped.add(dropped);
        Ok(())
    }

    /// Those of a commit that came to nothing. Only the writer gives places.
    pub(super) fn untrack(&self, batch: &mut Batch) {
        if let Some(before) = batch.names_before.take() {
            *self.names.write() = before;
        }
    }

    pub(super) fn prune(&self, memory: &Memory) -> Prune {
        let history_seq = memory
            .flushed_seq
            .max(self.changes.position(View::History))
            .min(self.holds.least());
        Prune {
            history_seq,
            keep_rows: self.settings.keep_rows,
            older_than_ms: now_ms() - self.settings.keep_ms,
        }
    }
}
