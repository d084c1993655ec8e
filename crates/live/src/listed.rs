//! What a batch does to the list of an agent: one entry an execution, however often it changed.

use std::collections::BTreeMap;

/// Ids with what the list holds of them, in the order of their last change.
pub(super) struct Listed<'a, T> {
    entries: BTreeMap<&'a str, Entry<T>>,
    pushed: usize,
}

struct Entry<T> {
    order: usize,
    /// What is to stand in the list; `None` where it leaves it.
    newest: Option<T>,
    /// What Redis holds of it, if it was there before the batch.
    stale: Option<T>,
}

impl<T> Default for Listed<'_, T> {
    fn default() -> Self {
        Listed {
            entries: BTreeMap::new(),
            pushed: 0,
        }
    }
}

impl<'a, T> Listed<'a, T> {
    /// `stale`: what the list held of it until now.
    pub(super) fn put(&mut self, id: &'a str, newest: Option<T>, stale: Option<T>) {
        // What it was within the batch never comes to Redis.
        let stale = match self.entries.remove(id) {
            Some(earlier) => earlier.stale,
            None => stale,
        };
        let order = self.pushed;
        self.pushed += 1;
        let entry = Entry {
            order,
            newest,
            stale,
        };
        self.entries.insert(id, entry);
    }

    pub(super) fn stale(&self) -> impl Iterator<Item = &T> {
        self.entries
            .values()
            .filter_map(|entry| entry.stale.as_ref())
    }

    /// The last `kept` of them, the newest last: the others would only be pushed out again.
    pub(super) fn newest(&self, kept: usize) -> Vec<&T> {
        let entries = self.entries.values();
        let mut entries: Vec<(usize, &T)> = entries
            .filter_map(|entry| Some((entry.order, entry.newest.as_ref()?)))
            .collect();
        entries.sort_unstable_by_key(|&(order, _)| order);
        let entries = &entries[entries.len().saturating_sub(kept)..];
        entries.iter().map(|&(_, newest)| newest).collect()
    }
}
