//! Heartbeats, from the writer to the applier and to those who watch.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::flow::heard::Heard;
use crate::flow::running::Shown;

/// Heartbeats on their way to the live view; of each execution the last. They share their
/// texts with what is held of what runs, so that those that wait while Redis is away take little.
#[derive(Default)]
pub struct Signs {
    live: Mutex<HashMap<String, Shown>>,
    /// The same on their way to those who watch.
    pub heard: Heard,
}

impl Signs {
    pub fn put(&self, sign: Shown) {
        self.heard.put(&sign);
        self.live.lock().insert(sign.id().to_owned(), sign);
    }

    /// An execution that has ended gives no more signs: what waits is at most what runs.
    pub fn forget(&self, id: &str) {
        self.heard.forget(id);
        self.live.lock().remove(id);
    }

    /// Those that the live view has a place for once it has applied the journal up to here. The
    /// others wait: written now they would be refused, or lost to the change that comes after.
    pub fn take(&self, applied: u64) -> Vec<Shown> {
        let mut signs = self.live.lock();
        let ready = signs.extract_if(|_, sign| sign.after <= applied);
        ready.map(|(_, sign)| sign).collect()
    }

    /// Those for which it was too early. What was put meanwhile is newer.
    pub fn put_back(&self, signs: impl IntoIterator<Item = Shown>) {
        let mut live = self.live.lock();
        for sign in signs {
            let id = sign.id().to_owned();
            live.entry(id).or_insert(sign);
        }
    }
}
