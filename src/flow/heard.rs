//! Heartbeats for those who watch: the last of each execution, who waited longest first.

use std::collections::{BTreeMap, HashMap};

use parking_lot::{Mutex, MutexGuard};

use super::running::Shown;
use crate::domain::view::Active;

/// Nothing is kept while nobody watches.
#[derive(Default)]
pub struct Heard(Mutex<Option<Waiting>>);

/// At most what runs: an execution that ends is forgotten.
#[derive(Default)]
struct Waiting {
    signs: HashMap<String, Sign>,
    /// Ids by their turn, so that none waits for ever while others are heard of again and again.
    order: BTreeMap<u64, String>,
    turns: u64,
}

struct Sign {
    shown: Shown,
    turn: u64,
}

impl Heard {
    pub fn watch(&self) {
        self.waiting().get_or_insert_default();
    }

    pub fn unwatch(&self) {
        *self.waiting() = None;
    }

    pub fn put(&self, sign: &Shown) {
        if let Some(waiting) = &mut *self.waiting() {
            waiting.put(sign.clone());
        }
    }

    pub fn forget(&self, id: &str) {
        if let Some(waiting) = &mut *self.waiting()
            && let Some(sign) = waiting.signs.remove(id)
        {
            waiting.order.remove(&sign.turn);
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
            let sign = waiting.signs.get(*id);
            sign.is_some_and(|sign| sign.shown.after <= shown)
        });
        let turns: Vec<u64> = ready.take(max).map(|(turn, _)| *turn).collect();
        let ids = turns.iter().filter_map(|turn| waiting.order.remove(turn));
        ids.filter_map(|id| waiting.signs.remove(&id))
            .map(|sign| sign.shown.active())
            .collect()
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.0.lock()
    }
}

impl Waiting {
    fn put(&mut self, shown: Shown) {
        if let Some(sign) = self.signs.get_mut(shown.id()) {
            sign.shown = shown;
            return;
        }
        let turn = self.turns;
        self.turns += 1;
        let id = shown.id().to_owned();
        self.order.insert(turn, id.clone());
        self.signs.insert(id, Sign { shown, turn });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::execution::Execution;
    use crate::domain::view;

    fn sign(id: &str, progress: f64, after: u64) -> Shown {
        let mut sign = view::Sign::of_change(0, 0);
        sign.progress = Some(progress);
        Shown {
            known: Active::of(&Execution::new(id.to_owned())).into(),
            sign,
            after,
        }
    }

    fn taken(heard: &Heard, shown: u64, max: usize) -> Vec<(String, f64)> {
        let taken = heard.take(shown, max).into_iter();
        taken
            .map(|active| (active.agent_id, active.progress.unwrap_or(-1.0)))
            .collect()
    }

    #[test]
    fn the_last_of_each_in_turn_and_none_before_its_change() {
        let heard = Heard::default();
        heard.put(&sign("lost", 0.1, 1));
        heard.watch();
        for (id, progress, after) in [
            ("a", 0.1, 5),
            ("b", 0.2, 9),
            ("c", 0.3, 5),
            ("d", 0.4, 5),
            ("a", 0.5, 5),
        ] {
            heard.put(&sign(id, progress, after));
        }
        heard.forget("c");
        heard.forget("unknown");
        assert_eq!(taken(&heard, 5, 1), [("a".to_owned(), 0.5)]);
        assert_eq!(taken(&heard, 5, 9), [("d".to_owned(), 0.4)]);
        assert_eq!(taken(&heard, 9, 9), [("b".to_owned(), 0.2)]);
        assert_eq!(taken(&heard, 9, 9), []);
        heard.put(&sign("e", 0.6, 9));
        heard.unwatch();
        heard.watch();
        assert_eq!(taken(&heard, 9, 9), []);
    }
}
