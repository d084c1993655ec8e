//! The best of many, without an order of the others.

use std::cmp::Ordering;

use super::values::Scored;

pub(super) struct Best<'a> {
    most: usize,
    /// In order.
    kept: Vec<Scored<'a>>,
}

impl<'a> Best<'a> {
    /// Keeps no more than `most`, which is at least one.
    pub fn of(most: usize) -> Best<'a> {
        Best {
            most,
            kept: Vec::with_capacity(most + 1),
        }
    }

    pub fn add(&mut self, scored: Scored<'a>) {
        let is_full = self.kept.len() == self.most;
        if is_full && order(&self.kept[self.most - 1], &scored).is_lt() {
            return;
        }
        let place = self.kept.partition_point(|one| order(one, &scored).is_lt());
        self.kept.insert(place, scored);
        self.kept.truncate(self.most);
    }

    pub fn first(self) -> Vec<Scored<'a>> {
        self.kept
    }
}

/// Equals are taken in the order of the roster.
fn order(a: &Scored, b: &Scored) -> Ordering {
    let by_rank = b.rank().total_cmp(&a.rank());
    by_rank.then_with(|| a.place.cmp(&b.place))
}
