//! The newest committed changes, for those who follow the journal: most of the time a view finds
//! here what it has to apply next, and need not read it back from the disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::recent_outcomes::RecentOutcomes;
use agentpulse_core::change::Change;
use agentpulse_store::journal::{self, Tail};

/// Of those that history has, about 1.5 KB each. A view that is further behind reads the journal.
const MAX_FLUSHED: usize = 8_192;
/// The same in bytes: more than eight thousand of the usual kind have.
const MAX_FLUSHED_BYTES: usize = 16 << 20;
/// What history does not have is in the writer's memory as well and takes little here; to read it
/// back took several times as long as to write it, and a view that was behind fell back further.
const MAX_RECENT: usize = 32_768;
/// The same in bytes, as many as the writer holds of what history does not have.
const MAX_RECENT_BYTES: usize = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Live,
    History,
    /// Those who watch. Nothing waits for it while nobody does.
    Stream,
}

/// The position of a view that nothing waits for.
const NOWHERE: u64 = u64::MAX;

/// What is remembered, in order and without gaps.
#[derive(Default)]
struct Recent {
    changes: VecDeque<Arc<Change>>,
    /// What each of them takes.
    sizes: VecDeque<u32>,
    bytes: usize,
}

pub struct Changes {
    recent: Mutex<Recent>,
    head: watch::Sender<u64>,
    positions: [AtomicU64; 3],
    /// A view has moved.
    moved: Condvar,
    pub ends: RecentOutcomes,
}

impl Changes {
    /// `head` is the last committed change.
    pub fn new(head: u64) -> Changes {
        Changes {
            recent: Mutex::default(),
            head: watch::Sender::new(head),
            positions: [0, 0, NOWHERE].map(AtomicU64::new),
            moved: Condvar::new(),
            ends: RecentOutcomes::default(),
        }
    }

    /// Takes in what was just committed; in order, without gaps.
    pub fn publish(&self, changes: &[Arc<Change>]) {
        let Some(last) = changes.last() else { return };
        self.ends.take(changes);
        let mut recent = self.recent.lock();
        for change in changes {
            let bytes = bytes(change);
            recent.bytes += bytes as usize;
            recent.sizes.push_back(bytes);
            recent.changes.push_back(change.clone());
        }
        self.let_go(&mut recent);
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
        let recent = self.recent.lock();
        if let Some(first) = recent.changes.front()
            && first.seq <= seq + 1
        {
            let skip = (seq + 1 - first.seq) as usize;
            let next = recent.changes.iter().skip(skip).take(max);
            return Ok(next.cloned().collect());
        }
        drop(recent);
        // What is committed and not yet published is not yet anybody's to apply.
        let published = usize::try_from(head - seq).unwrap_or(usize::MAX);
        let changes = tail.read(seq, max.min(published))?;
        let follows = changes.first().is_some_and(|first| first.seq == seq + 1);
        Ok(if follows { changes } else { Vec::new() })
    }

    /// The changes after `seq` up to `last`, at most `max` of them. Returns `None` if not all of
    /// them are in memory any more.
    pub fn remembered(&self, seq: u64, last: u64, max: usize) -> Option<Vec<Arc<Change>>> {
        let count = usize::try_from(last.saturating_sub(seq)).unwrap_or(usize::MAX);
        let recent = &self.recent.lock().changes;
        let begin = recent.partition_point(|change| change.seq <= seq);
        let found: Vec<_> = recent
            .iter()
            .skip(begin)
            .take(count.min(max))
            .cloned()
            .collect();
        let follows = found.first().is_none_or(|first| first.seq == seq + 1);
        (follows && found.len() == count.min(max)).then_some(found)
    }

    /// A view is now at `seq`. What all have applied is let go.
    pub fn applied(&self, view: View, seq: u64) {
        self.positions[view as usize].store(seq, Ordering::Release);
        self.let_go(&mut self.recent.lock());
        self.moved.notify_all();
    }

    /// Waits until history is beyond `seq`, at most until `deadline`. Returns whether it is.
    pub fn wait_for_history(&self, seq: u64, deadline: Instant) -> bool {
        let mut recent = self.recent.lock();
        while self.position(View::History) <= seq {
            if self.moved.wait_until(&mut recent, deadline).timed_out() {
                return false;
            }
        }
        true
    }

    fn let_go(&self, recent: &mut Recent) {
        let positions = self.positions.iter();
        let all = positions.map(|position| position.load(Ordering::Acquire));
        let all = all.min().unwrap_or(0);
        let flushed = self.position(View::History);
        while let (Some(first), Some(&bytes)) = (recent.changes.front(), recent.sizes.front()) {
            let count = recent.changes.len();
            let surplus = count > MAX_RECENT || recent.bytes > MAX_RECENT_BYTES;
            let surplus_of_flushed = count > MAX_FLUSHED || recent.bytes > MAX_FLUSHED_BYTES;
            let is_needed = first.seq > all;
            if is_needed && !surplus && !(first.seq <= flushed && surplus_of_flushed) {
                break;
            }
            recent.bytes -= bytes as usize;
            recent.changes.pop_front();
            recent.sizes.pop_front();
        }
        let Recent { changes, sizes, .. } = recent;
        if changes.capacity() > MAX_RECENT / 4 && changes.len() < MAX_RECENT / 16 {
            changes.shrink_to(MAX_RECENT / 16);
            sizes.shrink_to(MAX_RECENT / 16);
        }
    }

    /// Nobody follows as `view` any more.
    pub fn left(&self, view: View) {
        self.applied(view, NOWHERE);
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
        let recent = &self.recent.lock().changes;
        let next = recent.partition_point(|change| change.seq <= position);
        recent
            .get(next)
            .map_or(i64::MAX, |change| (now_ms - change.accepted_ms).max(1))
    }
}

/// About what it keeps in memory. What was before shares most of it with what is after.
fn bytes(change: &Change) -> u32 {
    let bytes = size_of::<Change>() + change.after.bytes();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use super::*;
    use agentpulse_core::execution::Execution;

    /// As many changes as `seqs`.
    fn published(seqs: RangeInclusive<u64>) -> Changes {
        let changes = Changes::new(seqs.start() - 1);
        publish(&changes, seqs);
        changes
    }

    fn publish(changes: &Changes, seqs: RangeInclusive<u64>) {
        let change = |seq| {
            let execution = Arc::new(Execution::new(format!("x{seq}")));
            Arc::new(Change::between(None, execution, seq, 0))
        };
        changes.publish(&seqs.map(change).collect::<Vec<_>>());
    }

    /// Changes of 256 KB each.
    fn publish_large(changes: &Changes, seqs: RangeInclusive<u64>) {
        let change = |seq| {
            let execution = Arc::new(Execution::new("x".repeat(256 << 10)));
            Arc::new(Change::between(None, execution, seq, 0))
        };
        seqs.for_each(|seq| changes.publish(&[change(seq)]));
    }

    #[test]
    fn remembered_changes_are_bounded_in_bytes() {
        let changes = Changes::new(0);
        let is_remembered = |seq| changes.remembered(seq, seq + 1, 1).is_some();
        publish_large(&changes, 1..=600);
        // 255 of them, with what is around each, have less than 64 MiB, and 256 have more.
        assert!(!is_remembered(600 - 256) && is_remembered(600 - 255));
        changes.applied(View::History, 600);
        assert!(!is_remembered(600 - 64) && is_remembered(600 - 63));
        publish(&changes, 601..=700);
        assert!(is_remembered(600 - 63) && is_remembered(699));
        changes.applied(View::Live, 700);
        changes.left(View::Stream);
        changes.applied(View::History, 700);
        assert_eq!(changes.recent.lock().bytes, 0);
    }

    fn seqs(found: Option<Vec<Arc<Change>>>) -> Option<Vec<u64>> {
        found.map(|changes| changes.iter().map(|change| change.seq).collect())
    }

    #[test]
    fn remembered_changes_have_no_gaps() {
        let changes = published(11..=14);
        assert_eq!(seqs(changes.remembered(10, 13, 9)), Some(vec![11, 12, 13]));
        assert_eq!(seqs(changes.remembered(11, 14, 2)), Some(vec![12, 13]));
        assert_eq!(seqs(changes.remembered(14, 14, 9)), Some(vec![]));
        assert_eq!(seqs(changes.remembered(9, 13, 9)), None);
        assert_eq!(seqs(changes.remembered(12, 15, 9)), None);
    }

    #[test]
    fn a_change_stays_until_all_that_follow_have_it() {
        let changes = published(11..=14);
        changes.applied(View::Stream, 11);
        changes.applied(View::Live, 14);
        changes.applied(View::History, 13);
        assert_eq!(seqs(changes.remembered(11, 14, 9)), Some(vec![12, 13, 14]));
        changes.left(View::Stream);
        assert_eq!(seqs(changes.remembered(11, 14, 9)), None);
        assert_eq!(seqs(changes.remembered(13, 14, 9)), Some(vec![14]));
    }

    #[test]
    fn unflushed_changes_are_remembered_and_of_the_rest_the_newest() {
        let last = MAX_FLUSHED as u64 + 10;
        let changes = published(1..=last);
        let is_remembered = |seq| changes.remembered(seq, seq + 1, 1).is_some();
        assert!(is_remembered(0));
        changes.applied(View::History, 7);
        assert!(!is_remembered(6) && is_remembered(7));
        changes.applied(View::History, last);
        assert!(!is_remembered(9) && is_remembered(10));
        publish(&changes, last + 1..=last + MAX_RECENT as u64 + 1);
        assert!(!is_remembered(last) && is_remembered(last + 1));
    }
}
