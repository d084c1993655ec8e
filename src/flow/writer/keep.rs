//! Keeps the last heartbeats on the disk, and how long the daemon has listened. A sign that is
//! news, because the last one is long ago, is kept before it is answered; others wait and go along.

use std::time::Duration;

use tracing::warn;

use super::{Memory, Writer};
use crate::domain::last_sign::LastSign;

/// Signs in one commit.
const MAX_SIGNS: usize = 1_024;
/// What a kill of the daemon takes away of the time that it has listened, and so adds to the life
/// of what runs.
const NOTE_EVERY: Duration = Duration::from_secs(1);

impl Writer {
    /// Keeps what must be kept now.
    pub(super) fn keep_signs(&mut self, memory: &mut Memory) {
        loop {
            let listened = self.listening.now().listened;
            let signs = memory.running.to_keep(listened, MAX_SIGNS);
            if signs.is_empty() || !self.keep(memory, &signs) {
                return;
            }
        }
    }

    /// Keeps all that is not kept yet: nothing more is heard.
    pub(super) fn keep_all_signs(&mut self, memory: &mut Memory) {
        if !self.listening.has_begun() {
            return;
        }
        loop {
            let signs = memory.running.unkept(MAX_SIGNS);
            if !self.keep(memory, &signs) || signs.is_empty() {
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
    fn keep(&mut self, memory: &mut Memory, signs: &[(String, LastSign)]) -> bool {
        let listened = self.listening.now().listened;
        if let Err(error) = self.journal.keep_signs(signs, listened) {
            self.counters.journal_failures.add(1);
            warn!(%error, "the last heartbeats could not be kept");
            return false;
        }
        memory.running.kept(signs);
        self.noted = listened;
        true
    }
}
