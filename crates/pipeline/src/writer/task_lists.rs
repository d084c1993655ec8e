//! What clients say runs in the background, from the writer to the one that ends what is missing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

/// The stop of an agent may be reported after that of the main thread: the largest lag seen is
/// 60 ms, and the spool is read every 500.
const GRACE: Duration = Duration::from_secs(5);
/// Lists that wait; those beyond say nothing, and the session's next one says as much.
const MAX_WAITING: usize = 1_024;

/// All that ran in the background of a session.
#[derive(Debug)]
pub struct TaskList {
    pub session_id: String,
    /// When its client stopped, which carried the list.
    pub at_ms: i64,
    /// Of their ids the hashes.
    hashes: Vec<u64>,
}

impl TaskList {
    pub fn new(session_id: &str, at_ms: i64, ids: &[String]) -> TaskList {
        TaskList {
            session_id: session_id.to_owned(),
            at_ms,
            hashes: ids.iter().map(|id| xxh3_64(id.as_bytes())).collect(),
        }
    }

    pub fn has(&self, agent_id: &str) -> bool {
        self.hashes.contains(&xxh3_64(agent_id.as_bytes()))
    }
}

#[derive(Default)]
pub struct TaskLists(Mutex<VecDeque<(Instant, TaskList)>>);

impl TaskLists {
    pub fn put(&self, list: TaskList) {
        let mut waiting = self.0.lock();
        if waiting.len() < MAX_WAITING {
            waiting.push_back((Instant::now() + GRACE, list));
        }
    }

    /// Takes the oldest, if what is missing from it has had its time.
    pub fn take_due(&self, now: Instant) -> Option<TaskList> {
        let mut waiting = self.0.lock();
        waiting.front().filter(|(due, _)| *due <= now)?;
        waiting.pop_front().map(|(_, list)| list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_waits_and_so_many_have_room() {
        let lists = TaskLists::default();
        for n in 0..=MAX_WAITING as i64 {
            lists.put(TaskList::new("s", n, &[]));
        }
        assert!(lists.take_due(Instant::now()).is_none());
        let later = Instant::now() + GRACE;
        let due = std::iter::from_fn(|| lists.take_due(later));
        let due: Vec<i64> = due.map(|list| list.at_ms).collect();
        assert_eq!(due, (0..MAX_WAITING as i64).collect::<Vec<_>>());
    }
}
