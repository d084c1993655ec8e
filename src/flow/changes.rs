//! The newest committed changes, for those who follow the journal: most of the time a view finds
//! here what it has to apply next, and need not read it back from the disk.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::domain::change::Change;
use crate::journal::{self, Tail};

/// About 1.5 KB each. A view that is further behind reads the journal.
const MAX_RECENT: usize = 8_192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Live,
    History,
}

pub struct Changes {
    recent: Mutex<VecDeque<Arc<Change>>>,
    head: watch::Sender<u64>,
    positions: [AtomicU64; 2],
}

impl Changes {
    /// `head` is the last committed change.
    pub fn new(head: u64) -> Changes {
        Changes {
            recent: Mutex::default(),
            head: watch::Sender::new(head),
            positions: Default::default(),
        }
    }

    /// Takes in what was just committed; in order, without gaps.
    pub fn publish(&self, changes: &[Arc<Change>]) {
        let Some(last) = changes.last() else { return };
        let mut recent = self.recent();
        recent.extend(changes.iter().cloned());
        let surplus = recent.len().saturating_sub(MAX_RECENT);
        recent.drain(..surplus);
        drop(recent);
        self.head.send_replace(last.seq);
    }

    pub fn head(&self) -> u64 {
        *self.head.borrow()
    }

    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// The next changes after `seq`, at most `max`; from the journal where memory begins later.
    /// Empty when there is nothing after it, and also when the journal has pruned what follows.
    pub fn after(
        &self,
        seq: u64,
        max: usize,
        tail: &Tail,
    ) -> Result<Vec<Arc<Change>>, journal::Error> {
        let head = self.head();
        if seq >= head {
            return Ok(Vec::new());
        }
        let recent = self.recent();
        if let Some(first) = recent.front()
            && first.seq <= seq + 1
        {
            let skip = (seq + 1 - first.seq) as usize;
            return Ok(recent.iter().skip(skip).take(max).cloned().collect());
        }
        drop(recent);
        // What is committed and not yet published is not yet anybody's to apply.
        let published = usize::try_from(head - seq).unwrap_or(usize::MAX);
        let changes = tail.read(seq, max.min(published))?;
        let follows = changes.first().is_some_and(|first| first.seq == seq + 1);
        Ok(if follows { changes } else { Vec::new() })
    }

    /// A view is now at `seq`. What both have applied is let go.
    pub fn applied(&self, view: View, seq: u64) {
        self.positions[view as usize].store(seq, Ordering::Release);
        let both = self.position(View::Live).min(self.position(View::History));
        let mut recent = self.recent();
        let done = recent.partition_point(|change| change.seq <= both);
        recent.drain(..done);
        if recent.capacity() > MAX_RECENT / 4 && recent.len() < MAX_RECENT / 16 {
            recent.shrink_to(MAX_RECENT / 16);
        }
    }

    pub fn position(&self, view: View) -> u64 {
        self.positions[view as usize].load(Ordering::Acquire)
    }

    /// Changes that a view has still to apply.
    pub fn pending(&self, view: View) -> u64 {
        self.head().saturating_sub(self.position(view))
    }

    /// How old the oldest change is that a view has still to apply, in milliseconds; 0 when it is
    /// up to date. Where that change is no longer in memory, the age of the oldest that is.
    pub fn lag_ms(&self, view: View, now_ms: i64) -> i64 {
        let position = self.position(view);
        if position >= self.head() {
            return 0;
        }
        let recent = self.recent();
        let next = recent.partition_point(|change| change.seq <= position);
        recent
            .get(next)
            .map_or(i64::MAX, |change| (now_ms - change.accepted_ms).max(1))
    }

    /// A panic elsewhere leaves the queue whole: every change to it is one call.
    fn recent(&self) -> MutexGuard<'_, VecDeque<Arc<Change>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
