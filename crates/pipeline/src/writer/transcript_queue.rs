//! Executions that ended and whose transcripts have still to be read, from the writer to the
//! reader of transcripts.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// An id takes some 60 bytes. Those beyond are found again in history.
const MAX_WAITING: usize = 65_536;

#[derive(Default)]
pub struct TranscriptQueue {
    waiting: Mutex<Waiting>,
    added: Notify,
}

#[derive(Default)]
struct Waiting {
    ids: BTreeSet<String>,
    /// Some found no place.
    overflowed: bool,
}

impl TranscriptQueue {
    pub fn put(&self, id: &str) {
        let mut waiting = self.waiting.lock();
        if waiting.ids.len() < MAX_WAITING {
            waiting.ids.insert(id.to_owned());
        } else {
            waiting.overflowed = true;
        }
        drop(waiting);
        self.added.notify_one();
    }

    /// Says that more may be found in history.
    pub fn overflow(&self) {
        self.waiting.lock().overflowed = true;
    }

    /// Takes at most `max`.
    pub fn take(&self, max: usize) -> Vec<String> {
        let mut waiting = self.waiting.lock();
        let taken = max.min(waiting.ids.len());
        (0..taken).filter_map(|_| waiting.ids.pop_first()).collect()
    }

    /// Whether nothing is left but what found no place, so that history has to be asked; says it
    /// once.
    pub fn take_overflow(&self) -> bool {
        let mut waiting = self.waiting.lock();
        waiting.ids.is_empty() && std::mem::take(&mut waiting.overflowed)
    }

    pub async fn added(&self) {
        self.added.notified().await;
    }
}
