//! Ids as hashes of 128 bits: the memory that they take does not depend on their length.

use xxhash_rust::xxh3::xxh3_128;

pub fn hash(id: &str) -> u128 {
    xxh3_128(id.as_bytes())
}

/// A table has an eighth more slots than it says, and a byte beside each.
pub fn table_bytes<T>(capacity: usize) -> usize {
    capacity.div_ceil(7) * 8 * (size_of::<T>() + 1)
}
