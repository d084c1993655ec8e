//! Heartbeats for those who watch: the last of each execution, who waited longest first.

use std::collections::{BTreeMap, HashMap};

use parking_lot::{Mutex, MutexGuard};

use super::running::RunSnapshot;
use agentpulse_core::view::Active;

/// Nothing is kept while nobody watches.
#[derive(Default)]
pub struct ProgressFeed(Mutex<Option<Waiting>>);

/// At most what runs: an execution that ends is forgotten.
#[derive(Default)]
struct Waiting {
    entries: HashMap<String, Entry>,
    /// Ids by their turn, so that none waits for ever while others have heartbeat after heartbeat.
    order: BTreeMap<u64, String>,
    turns: u64,
}

struct Entry {
    shown: RunSnapshot,
    turn: u64,
}

impl ProgressFeed {
    pub fn watch(&self) {
        self.waiting().get_or_insert_default();
    }

    pub fn unwatch(&self) {
        *self.waiting() = None;
    }

    pub fn put(&self, entry: &RunSnapshot) {
        if let Some(waiting) = &mut *self.waiting() {
            waiting.put(entry.clone());
        }
    }

    pub fn forget(&self, id: &str) {
        if let Some(waiting) = &mut *self.waiting()
            && let Some(entry) = waiting.entries.remove(id)
        {
            waiting.order.remove(&entry.turn);
        }
    }

    /// At most `max` signs of executions whose last change is no later than `shown`.
    pub fn take(&self, shown: u64, max: usize) -> Vec<Active> {
        let mut waiting = self.waiting();
        let Some(waiting) = &mut *waiting else {
            return Vec::new();
        };
        let turns = waiting.order.iter();
        let ready = turns.filter(|(_, id)| {
            let entry = waiting.entries.get(*id);
            entry.is_some_and(|entry| entry.shown.after <= shown)
        });
        let turns: Vec<u64> = ready.take(max).map(|(turn, _)| *turn).collect();
        let ids = turns.iter().filter_map(|turn| waiting.order.remove(turn));
        ids.filter_map(|id| waiting.entries.remove(&id))
            .map(|entry| entry.shown.active())
            .collect()
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.0.lock()
    }
}

impl Waiting {
    fn put(&mut self, shown: RunSnapshot) {
        if let Some(entry) = self.entries.get_mut(shown.id()) {
            entry.shown = shown;
            return;
        }
        let turn = self.turns;
        self.turns += 1;
        let id = shown.id().to_owned();
        self.order.insert(turn, id.clone());
        self.entries.insert(id, Entry { shown, turn });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_core::execution::Execution;
    use agentpulse_core::view;

    fn snapshot(id: &str, progress: f64, after: u64) -> RunSnapshot {
        let mut heartbeat = view::Heartbeat::of_change(0, 0);
        heartbeat.progress = Some(progress);
        RunSnapshot {
            known: Active::of(&Execution::new(id.to_owned())).into(),
            heartbeat,
            after,
        }
    }

    fn taken(feed: &ProgressFeed, shown: u64, max: usize) -> Vec<(String, f64)> {
        let taken = feed.take(shown, max).into_iter();
        taken
            .map(|active| (active.agent_id, active.progress.unwrap_or(-1.0)))
            .collect()
    }

    #[test]
    fn the_last_of_each_in_turn_and_none_before_its_change() {
        let feed = ProgressFeed::default();
        feed.put(&snapshot("lost", 0.1, 1));
        feed.watch();
        for (id, progress, after) in [
            ("a", 0.1, 5),
            ("b", 0.2, 9),
            ("c", 0.3, 5),
            ("d", 0.4, 5),
            ("a", 0.5, 5),
        ] {
            feed.put(&snapshot(id, progress, after));
        }
        feed.forget("c");
        feed.forget("unknown");
        assert_eq!(taken(&feed, 5, 1), [("a".to_owned(), 0.5)]);
        assert_eq!(taken(&feed, 5, 9), [("d".to_owned(), 0.4)]);
        assert_eq!(taken(&feed, 9, 9), [("b".to_owned(), 0.2)]);
        assert_eq!(taken(&feed, 9, 9), []);
        feed.put(&snapshot("e", 0.6, 9));
        feed.unwatch();
        feed.watch();
        assert_eq!(taken(&feed, 9, 9), []);
    }
}
