//! Which executions work on the tasks that are held: their heartbeats renew the leases.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use agentpulse_tasks::link::Link;

/// Calls whose hook has not come yet.
const MAX_CALLS: usize = 4_096;
/// A hook is sent before the call that it reports; what it brings may wait for a daemon.
const CALLS_KEPT: Duration = Duration::from_secs(600);

#[derive(Default)]
pub(crate) struct Links {
    known: Mutex<Known>,
    changed: Notify,
}

#[derive(Default)]
struct Known {
    /// By task.
    held: BTreeMap<i64, Held>,
    calls: VecDeque<Call>,
}

/// A task that an execution works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub claim: i64,
    pub links: Vec<Link>,
}

/// A tool call by which a task was claimed, of an execution that is not known yet.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub task: i64,
    pub claim: i64,
    pub use_id: String,
    until: Instant,
}

impl Links {
    pub fn of(linked: Vec<(i64, i64, Link)>) -> Links {
        let links = Links::default();
        for (task, claim, link) in linked {
            links.add(task, claim, link);
        }
        links
    }

    pub fn add(&self, task: i64, claim: i64, link: Link) {
        let mut known = self.known.lock();
        let held = known.held.entry(task).or_insert_with(|| Held {
            claim,
            links: Vec::new(),
        });
        if held.claim != claim {
            (held.claim, held.links) = (claim, Vec::new());
        }
        held.links.push(link);
        drop(known);
        self.changed.notify_one();
    }

    /// Of a task the last call counts; the oldest gives way where there are too many.
    pub fn expect(&self, task: i64, claim: i64, use_id: String) {
        let mut known = self.known.lock();
        known.calls.retain(|call| call.task != task);
        if known.calls.len() >= MAX_CALLS {
            known.calls.pop_front();
        }
        known.calls.push_back(Call {
            task,
            claim,
            use_id,
            until: Instant::now() + CALLS_KEPT,
        });
        drop(known);
        self.changed.notify_one();
    }

    /// The task is not held any more.
    pub fn end(&self, task: i64) {
        let mut known = self.known.lock();
        known.held.remove(&task);
        known.calls.retain(|call| call.task != task);
    }

    pub fn held(&self) -> BTreeMap<i64, Held> {
        self.known.lock().held.clone()
    }

    /// Those that are expected still.
    pub fn calls(&self) -> Vec<Call> {
        let (mut known, now) = (self.known.lock(), Instant::now());
        known.calls.retain(|call| call.until > now);
        known.calls.iter().cloned().collect()
    }

    /// It is linked.
    pub fn found(&self, call: &Call) {
        let mut known = self.known.lock();
        known.calls.retain(|other| other.use_id != call.use_id);
    }

    /// Waits until there is something to follow.
    pub async fn some(&self) {
        loop {
            let is_empty = {
                let known = self.known.lock();
                known.held.is_empty() && known.calls.is_empty()
            };
            if !is_empty {
                return;
            }
            self.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_task_one_call_is_expected_and_of_all_only_so_many() {
        let links = Links::default();
        links.expect(1, 1, "a".to_owned());
        links.expect(1, 1, "b".to_owned());
        let calls = links.calls();
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].use_id, "b");
        links.found(&calls[0]);
        assert!(links.calls().is_empty());
        for task in 0..=MAX_CALLS as i64 {
            links.expect(task, task, format!("c{task}"));
        }
        let calls = links.calls();
        assert_eq!((calls.len(), calls[0].task), (MAX_CALLS, 1));
        links.end(1);
        assert_eq!(links.calls().len(), MAX_CALLS - 1);
    }
}
