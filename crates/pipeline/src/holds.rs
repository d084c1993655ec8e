//! Up to where the journal must stay, for those who still need what history has.

use std::sync::atomic::{AtomicU64, Ordering};

/// Who may need rows of the journal that history has committed.
#[derive(Clone, Copy, Debug)]
pub enum Holder {
    Rebuild,
    Backup,
}

#[derive(Debug)]
pub struct Holds([AtomicU64; 2]);

impl Default for Holds {
    fn default() -> Holds {
        Holds([const { AtomicU64::new(u64::MAX) }; 2])
    }
}

impl Holds {
    /// Nothing after `seq` goes. One that was reckoned before this may still be under way; a round
    /// trip to the writer waits for it.
    pub fn hold(&self, holder: Holder, seq: u64) {
        self.0[holder as usize].store(seq, Ordering::Release);
    }

    pub fn release(&self, holder: Holder) {
        self.hold(holder, u64::MAX);
    }

    /// The last row that may go.
    pub fn least(&self) -> u64 {
        let all = self.0.iter().map(|seq| seq.load(Ordering::Acquire));
        all.min().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_counts_and_each_lets_go_of_its_own() {
        let holds = Holds::default();
        assert_eq!(holds.least(), u64::MAX);
        holds.hold(Holder::Rebuild, 7);
        holds.hold(Holder::Backup, 9);
        assert_eq!(holds.least(), 7);
        holds.release(Holder::Rebuild);
        assert_eq!(holds.least(), 9);
        holds.release(Holder::Backup);
        assert_eq!(holds.least(), u64::MAX);
    }
}
