//! Where sums end. A sum that would pass its limit stays at it: it neither wraps nor fails, and
//! says "as much, or more".

/// The most that any sum of a bucket comes to: 10^18. A run adds at most
/// [`MAX_COUNT`](super::limits::MAX_COUNT) to it, so that it takes a million runs at their own limit
/// to reach it, and two such sums still fit 64 bits. A stored sum that has reached it stays there
/// whatever is taken away, because nobody knows how far it would have gone.
pub const MAX_SUM: i64 = 1_000_000_000_000_000_000;

/// The most that the live view holds exactly: 2^53 - 1. The numbers of Lua and the scores of sorted
/// sets are doubles. A sum that has reached it there is asked of history, as is one in a page of
/// JavaScript that wants it exactly.
pub const MAX_EXACT: i64 = (1 << 53) - 1;

/// Adds to a sum, or takes away from it.
pub fn add(sum: &mut i64, more: i64) {
    *sum = sum.saturating_add(more).clamp(-MAX_SUM, MAX_SUM);
}

/// All of them together.
pub fn sum(counts: impl IntoIterator<Item = i64>) -> i64 {
    let mut sum = 0;
    for count in counts {
        add(&mut sum, count);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_ends_at_its_limit() {
        assert_eq!(sum([MAX_SUM, i64::MAX]), MAX_SUM);
        assert_eq!(sum([i64::MIN, i64::MIN]), -MAX_SUM);
        assert_eq!(sum([MAX_SUM - 1, 1]), MAX_SUM);
        assert_eq!(sum([5, -7, 3]), 1);
        assert_eq!(MAX_EXACT, 9_007_199_254_740_991);
    }
}
