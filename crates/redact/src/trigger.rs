//! Where to look: two neighbouring bytes, of which the second is rare.

use super::mark::Secret;

/// One bit each.
const MAX_TRIGGERS: usize = u128::BITS as usize;

/// The secret whose trigger ends at the given byte.
pub(super) type Find = Box<dyn Fn(&[u8], usize) -> Option<Secret> + Send + Sync>;

/// Two bytes next to each other and what to look for there.
pub(super) struct Trigger {
    /// One of these comes first. The start of a text counts as a blank.
    pub(super) first: Vec<u8>,
    /// One of these follows; bytes that clean text has little of.
    pub(super) second: Vec<u8>,
    pub(super) find: Find,
}

/// Triggers, by a bit each in a table for either byte.
pub(super) struct Triggers {
    /// A bit for each second byte, by the first: whether there is a trigger for the pair. It shows
    /// that there is none with one step, as for most pairs of a text.
    pairs: Box<[[u64; 4]; 256]>,
    first: [u128; 256],
    second: [u128; 256],
    finds: Vec<Find>,
}

impl Triggers {
    pub(super) fn new(triggers: Vec<Trigger>) -> Self {
        assert!(
            triggers.len() <= MAX_TRIGGERS,
            "a bit for each of the fixed triggers"
        );
        let mut tables = Self {
            pairs: Box::new([[0; 4]; 256]),
            first: [0; 256],
            second: [0; 256],
            finds: Vec::new(),
        };
        for (bit, trigger) in triggers.into_iter().enumerate() {
            for first in &trigger.first {
                let seconds = &mut tables.pairs[usize::from(*first)];
                for second in &trigger.second {
                    seconds[usize::from(second / 64)] |= 1 << (second % 64);
                }
                tables.first[usize::from(*first)] |= 1 << bit;
            }
            for second in &trigger.second {
                tables.second[usize::from(*second)] |= 1 << bit;
            }
            tables.finds.push(trigger.find);
        }
        tables
    }

    /// The secrets of a text, in their order; none lies in another.
    pub(super) fn all(&self, text: &[u8]) -> Vec<Secret> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(secret) = self.next(text, from) {
            from = secret.end;
            found.push(secret);
        }
        found
    }

    /// The next secret that starts at `from` or later.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<Secret> {
        let mut first = match from.checked_sub(1) {
            None => b' ',
            Some(before) => text[before],
        };
        for (offset, byte) in text[from..].iter().enumerate() {
            let seconds = &self.pairs[usize::from(first)];
            if seconds[usize::from(byte / 64)] >> (byte % 64) & 1 != 0 {
                let found = self.secret_at(text, first, from + offset);
                let found = found.filter(|secret| secret.start >= from);
                if found.is_some() {
                    return found;
                }
            }
            first = *byte;
        }
        None
    }

    /// The secret of a trigger that ends at `at`.
    fn secret_at(&self, text: &[u8], first: u8, at: usize) -> Option<Secret> {
        let mut bits = self.first[usize::from(first)] & self.second[usize::from(text[at])];
        while bits != 0 {
            let found = self.finds[bits.trailing_zeros() as usize](text, at);
            if found.is_some() {
                return found;
            }
            bits &= bits - 1;
        }
        None
    }
}
