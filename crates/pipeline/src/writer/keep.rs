//! Keeps the last heartbeats on the disk, and how long the daemon has listened. A sign that is
//! news, because the last one is long ago, is kept before it is answered; others wait and go along.

use std::time::Duration;

use tracing::warn;

use super::memory::Memory;
use super::state::Writer;
use agentpulse_core::last_heartbeat::LastHeartbeat;

/// Signs in one commit.
const MAX_HEARTBEATS: usize = 1_024;
/// What a kill of the daemon takes away of the time that it has listened, and so adds to the life
/// of what runs.
const NOTE_EVERY: Duration = Duration::from_secs(1);

impl Writer {
    /// Keeps what must be kept now.
    pub(super) fn keep_heartbeats(&mut self, memory: &mut Memory) {
        loop {
            let listened = self.listening.now().listened;
            let heartbeats = memory.running.to_keep(listened, MAX_HEARTBEATS);
            if heartbeats.is_empty() || !self.keep(memory, &heartbeats) {
                return;
            }
        }
    }

    /// Keeps all that is not kept yet: no more heartbeats come.
    pub(super) fn keep_all_heartbeats(&mut self, memory: &mut Memory) {
        if !self.listening.has_begun() {
            return;
        }
        loop {
            let heartbeats = memory.running.unkept(MAX_HEARTBEATS);
            if !self.keep(memory, &heartbeats) || heartbeats.is_empty() {
                return;
            }
        }
    }

    /// Notes how long the daemon has listened, while that matters to anything.
    pub(super) fn note_listened(&mut self, memory: &mut Memory) {
        let listened = self.listening.now().listened;
        if memory.running.count() > 0 && listened >= self.noted + NOTE_EVERY {
            self.keep(memory, &[]);
        }
    }

    /// False when the journal could not be written; then it is tried again.
    fn keep(&mut self, memory: &mut Memory, heartbeats: &[(String, LastHeartbeat)]) -> bool {
        let listened = self.listening.now().listened;
        if let Err(error) = self.journal.keep_heartbeats(heartbeats, listened) {
            self.counters.journal_failures.add(1);
            warn!(%error, "the last heartbeats could not be kept");
            return false;
        }
        memory.running.kept(heartbeats);
        self.noted = listened;
        true
    }
}
