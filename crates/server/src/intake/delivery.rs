//! What stands for each line that arrives, so that a run without an id of its own gets one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_128;

use agentpulse_sources::LineKey;

/// Distinguishes deliveries, also those of different lives of the daemon.
pub struct Deliveries {
    seed: u64,
    next: AtomicU64,
}

/// The lines of one connection, of one request, or of some files of the spool.
#[derive(Clone)]
pub enum Delivery {
    /// Sent again, it is another delivery.
    Of(u64, u64),
    /// A key for each line. A file that is read again brings the same event.
    Files(Arc<[LineKey]>),
}

impl Deliveries {
    /// `seed` is random.
    pub fn new(seed: u64) -> Deliveries {
        Deliveries {
            seed,
            next: AtomicU64::new(0),
        }
    }

    pub fn begin(&self) -> Delivery {
        Delivery::Of(self.seed, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl Delivery {
    /// Lines count from 1.
    pub fn key(&self, line: u64) -> LineKey {
        match self {
            Delivery::Of(seed, delivery) => {
                let parts = [seed, delivery, &line].map(|part| part.to_le_bytes());
                LineKey(xxh3_128(parts.as_flattened()))
            }
            Delivery::Files(keys) => keys
                .get((line as usize).wrapping_sub(1))
                .copied()
                .unwrap_or_default(),
        }
    }
}

/// The key of a line in the spool: the same when the file is read again because it could not be
/// removed. No two files that hooks write have one name.
pub fn key_of_file(name: &[u8], line: &[u8]) -> LineKey {
    LineKey(xxh3_128(&[name, b"\n", line].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_each_delivery_has_its_own_key_and_a_file_always_the_same() {
        let [one, other] = [7, 8].map(Deliveries::new);
        let (first, second) = (one.begin(), one.begin());
        assert_eq!(first.key(1), first.clone().key(1));
        let keys = [
            first.key(1),
            first.key(2),
            second.key(1),
            other.begin().key(1),
        ];
        for (n, key) in keys.iter().enumerate() {
            assert!(!keys[..n].contains(key), "{n}");
        }
        let files = Delivery::Files([b"a", b"b"].map(|name| key_of_file(name, b"{}")).into());
        assert_eq!(files.key(2), key_of_file(b"b", b"{}"));
        assert_ne!(files.key(1), files.key(2));
        assert_ne!(files.key(2), key_of_file(b"b", b"{} "));
    }
}
