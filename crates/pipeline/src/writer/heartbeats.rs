//! Heartbeats, from the writer to the applier and to those who watch.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::progress_feed::ProgressFeed;
use crate::running::RunSnapshot;

/// Heartbeats on their way to the live view; of each execution the last. They share their
/// texts with what is held of what runs, so that those that wait while Redis is away take little.
#[derive(Default)]
pub struct Heartbeats {
    live: Mutex<HashMap<String, RunSnapshot>>,
    /// The same on their way to those who watch.
    pub feed: ProgressFeed,
}

impl Heartbeats {
    pub fn put(&self, heartbeat: RunSnapshot) {
        self.feed.put(&heartbeat);
        self.live
            .lock()
            .insert(heartbeat.id().to_owned(), heartbeat);
    }

    /// An execution that has ended gives no more signs: what waits is at most what runs.
    pub fn forget(&self, id: &str) {
        self.feed.forget(id);
        self.live.lock().remove(id);
    }

    /// Those that the live view has a place for once it has applied the journal up to here. The
    /// others wait: written now they would be refused, or lost to the change that comes after.
    pub fn take(&self, applied: u64) -> Vec<RunSnapshot> {
        let mut heartbeats = self.live.lock();
        let ready = heartbeats.extract_if(|_, heartbeat| heartbeat.after <= applied);
        ready.map(|(_, heartbeat)| heartbeat).collect()
    }

    /// Those for which it was too early. What was put meanwhile is newer.
    pub fn put_back(&self, heartbeats: impl IntoIterator<Item = RunSnapshot>) {
        let mut live = self.live.lock();
        for heartbeat in heartbeats {
            let id = heartbeat.id().to_owned();
            live.entry(id).or_insert(heartbeat);
        }
    }
}
