//! Where to look: two neighbouring bytes, of which the second is rare.

use super::Secret;

/// A machine word of them is looked up at a time.
const CHUNK_BYTES: usize = 8;
/// One bit each.
const MAX_TRIGGERS: usize = u64::BITS as usize;

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
    first: [u64; 256],
    second: [u64; 256],
    finds: Vec<Find>,
}

impl Triggers {
    pub(super) fn new(triggers: Vec<Trigger>) -> Self {
        assert!(
            triggers.len() <= MAX_TRIGGERS,
            "a bit for each of the fixed triggers"
        );
        let mut tables = Self {
            first: [0; 256],
            second: [0; 256],
            finds: Vec::new(),
        };
        for (bit, trigger) in triggers.into_iter().enumerate() {
            for byte in trigger.first {
                tables.first[usize::from(byte)] |= 1 << bit;
            }
            for byte in trigger.second {
                tables.second[usize::from(byte)] |= 1 << bit;
            }
            tables.finds.push(trigger.find);
        }
        tables
    }

    /// The next secret that starts at `from` or later.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<Secret> {
        let mut at = self.next_second(text, from)?;
        loop {
            let found = self
                .secret_at(text, at)
                .filter(|secret| secret.start >= from);
            if found.is_some() {
                return found;
            }
            at = self.next_second(text, at + 1)?;
        }
    }

    /// The next byte that may end a trigger.
    fn next_second(&self, text: &[u8], from: usize) -> Option<usize> {
        let rest = &text[from..];
        let clean = rest.chunks_exact(CHUNK_BYTES).take_while(|chunk| {
            chunk
                .iter()
                .fold(0, |bits, byte| bits | self.second[usize::from(*byte)])
                == 0
        });
        let skipped = clean.count() * CHUNK_BYTES;
        let found = rest[skipped..]
            .iter()
            .position(|byte| self.second[usize::from(*byte)] != 0)?;
        Some(from + skipped + found)
    }

    /// The secret of a trigger that ends at `at`.
    fn secret_at(&self, text: &[u8], at: usize) -> Option<Secret> {
        let first = if at == 0 { b' ' } else { text[at - 1] };
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
