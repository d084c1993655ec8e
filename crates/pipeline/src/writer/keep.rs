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
    /// From now on heartbeats come that are not kept at once.
    pub(super) fn open_heartbeats(&mut self, memory: &mut Memory) {
        self.keep(memory, &[], false);
    }

    /// Keeps what must be kept now. False when the journal could not be written.
    pub(super) fn keep_heartbeats(&mut self, memory: &mut Memory) -> bool {
        loop {
            let listened = self.listening.now().listened;
            let heartbeats = memory.running.to_keep(listened, MAX_HEARTBEATS);
            if heartbeats.is_empty() {
                return true;
            }
            if !self.keep(memory, &heartbeats, false) {
                return false;
            }
        }
    }

    /// Keeps all that is not kept yet: no more heartbeats come.
    pub(super) fn keep_all_heartbeats(&mut self, memory: &mut Memory) {
        loop {
            let heartbeats = memory.running.unkept(MAX_HEARTBEATS);
            let is_whole = heartbeats.len() < MAX_HEARTBEATS;
            if !self.keep(memory, &heartbeats, is_whole) || is_whole {
                return;
            }
        }
    }

    /// Notes how long the daemon has listened, while that matters to anything.
    pub(super) fn note_listened(&mut self, memory: &mut Memory) {
        let listened = self.listening.now().listened;
        if memory.running.count() > 0 && listened >= self.noted + NOTE_EVERY {
            self.keep(memory, &[], false);
        }
    }

    /// False when the journal could not be written; then it is tried again.
    fn keep(
        &mut self,
        memory: &mut Memory,
        heartbeats: &[(String, LastHeartbeat)],
        is_whole: bool,
    ) -> bool {
        // What has listened for longer than the lag has all heartbeats before it: of those that are
        // due some may be in the next commit.
        let listened = match heartbeats.len() < MAX_HEARTBEATS {
            true => self.listening.now().listened,
            false => self.noted,
        };
        let kept = self.journal.keep_heartbeats(heartbeats, listened, is_whole);
        if let Err(error) = kept {
            self.counters.journal_failures.add(1);
            warn!(%error, "the last heartbeats could not be kept");
            return false;
        }
        memory.running.kept(heartbeats);
        self.noted = listened;
        true
    }
}
