//! How many outcomes of one agent count on a day.

use std::collections::HashMap;
use std::sync::Arc;

const A_DAY: u32 = 20;

#[derive(Debug, Clone, Default)]
pub(super) struct Quota {
    day: i64,
    taken: HashMap<Arc<str>, u32>,
}

impl Quota {
    /// Returns whether there was one left. A day that is over counts as the last one.
    pub(super) fn take(&mut self, agent: &Arc<str>, day: i64) -> bool {
        if day > self.day {
            self.day = day;
            self.taken.clear();
        }
        let taken = self.taken.entry(agent.clone()).or_default();
        *taken = taken.saturating_add(1);
        *taken <= A_DAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_agent_has_twenty_a_day() {
        let mut quota = Quota::default();
        let mut count = |agent: &str, day| {
            let taken = (0..30).filter(|_| quota.take(&agent.into(), day));
            taken.count()
        };
        assert_eq!((count("a", 5), count("b", 5), count("a", 5)), (20, 20, 0));
        assert_eq!(count("a", 6), 20);
        assert_eq!(count("a", 5), 0);
    }
}
