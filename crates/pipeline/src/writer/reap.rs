//! Ends the executions whose deadline has passed.

use super::commit::Commit;
use super::handle::Unavailable;
use super::memory::Memory;
use super::state::Writer;
use agentpulse_core::execution::{Execution, Fact};

/// Executions that time out in one commit.
const MAX_REAPED: usize = 1_024;

impl Writer {
    pub(super) fn reap(&mut self, memory: &mut Memory) {
        let now = self.listening.now();
        let due = memory.running.due(now.listened, MAX_REAPED);
        if due.is_empty() {
            return;
        }
        let mut commit = Commit::new(self, memory, now);
        let decided = commit.time_out(due);
        let mut batch = commit.batch;
        // What cannot be read now is reaped when it can.
        if decided.is_err() {
            return self.untrack(&mut batch);
        }
        let count = batch.changes.len() as u64;
        if self.commit(memory, batch, now).is_ok() {
            self.counters.timeouts.add(count);
        }
    }
}

impl Commit<'_> {
    /// Ends each that is due and still runs, as many as fit one commit; the others stay due.
    fn time_out(&mut self, due: Vec<(String, i64)>) -> Result<(), Unavailable> {
        for (id, ended_ms) in due {
            if self.batch.is_full() {
                break;
            }
            let before = self.execution(&id)?;
            if let Some(before) = before.filter(|execution| execution.is_running()) {
                let mut after = Execution::clone(&before);
                after.merge(Fact::TimedOut { ended_ms }, &self.writer.settings.catalog);
                self.restate_on_end(&mut after)?;
                self.stage(Some(before), after);
            }
        }
        Ok(())
    }
}
