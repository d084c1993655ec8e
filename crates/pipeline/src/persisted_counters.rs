//! Counters over restarts. What is shown is what has been written down, so that a crash takes
//! nothing back that somebody saw: a counter that falls is taken for one that was reset, and all
//! of it would be counted a second time. What was counted since, two seconds of it, a crash loses.
//! Only where nothing can be written is more shown, because then it is the failures that matter.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::counters::{Counters, RENAMED};

pub struct PersistedCounters {
    /// What was counted before the daemon started.
    before: BTreeMap<String, u64>,
    shown: Mutex<BTreeMap<String, u64>>,
}

impl PersistedCounters {
    pub fn new(mut before: BTreeMap<String, u64>, counters: &Counters) -> PersistedCounters {
        for (name, old) in RENAMED {
            if let Some(count) = before.remove(old) {
                let count = count.max(before.get(name).copied().unwrap_or(0));
                before.insert(name.to_owned(), count);
            }
        }
        let kept = PersistedCounters {
            before,
            shown: Mutex::default(),
        };
        kept.show(kept.count(counters));
        kept
    }

    /// With what was counted before. A counter that an older version had is kept, too.
    pub fn count(&self, counters: &Counters) -> BTreeMap<String, u64> {
        let mut counts = self.before.clone();
        for (name, count) in counters.counts() {
            *counts.entry(name).or_default() += count;
        }
        for (name, old) in RENAMED {
            let count = counts.get(name).copied().unwrap_or(0);
            counts.insert(old.to_owned(), count);
        }
        counts
    }

    pub fn show(&self, counts: BTreeMap<String, u64>) {
        *self.shown.lock() = counts;
    }

    pub fn shown(&self) -> BTreeMap<String, u64> {
        let shown = self.shown.lock();
        shown.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_counts_are_added_and_unwritten_ones_are_not_shown() {
        let counters = Counters::default();
        let before = BTreeMap::from([("rebuilds".to_owned(), 3), ("ancient".to_owned(), 1)]);
        let kept = PersistedCounters::new(before, &counters);
        counters.rebuilds.add(2);
        assert_eq!(kept.shown()["rebuilds"], 3);
        assert_eq!(kept.shown()["timeouts"], 0);
        let counts = kept.count(&counters);
        assert_eq!((counts["rebuilds"], counts["ancient"]), (5, 1));
        kept.show(counts);
        assert_eq!(kept.shown()["rebuilds"], 5);
    }

    #[test]
    fn renamed_counters_go_on_under_both_names() {
        let [(name, old), ..] = RENAMED;
        let counters = Counters::default();
        let both = |kept: &PersistedCounters| (kept.shown()[name], kept.shown()[old]);
        let written_by_old = BTreeMap::from([(old.to_owned(), 3)]);
        assert_eq!(
            both(&PersistedCounters::new(written_by_old, &counters)),
            (3, 3)
        );
        let written_by_both = BTreeMap::from([(old.to_owned(), 3), (name.to_owned(), 4)]);
        assert_eq!(
            both(&PersistedCounters::new(written_by_both, &counters)),
            (4, 4)
        );
    }
}
