//! Which task is taken next.
//!
//! All tasks age alike, so that the order of two of them never changes once both are there: it is a
//! number that is made with the task, and not one that each claim computes.

/// The lower the earlier. A step of the priority is worth so much waiting; 0 lets the priority
/// alone decide, and then the order in which tasks came.
pub fn rank(created_ms: i64, priority: u8, age_step_ms: i64) -> i64 {
    match age_step_ms {
        0 => -i64::from(priority),
        step => created_ms - i64::from(priority) * step,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_MS: i64 = 600_000;

    #[test]
    fn the_least_priority_is_as_urgent_as_the_highest_after_nine_steps() {
        let (low, high) = (rank(0, 1, STEP_MS), |ms| rank(ms, 10, STEP_MS));
        assert!(high(9 * STEP_MS - 1) < low && high(9 * STEP_MS) == low);
        assert!(high(9 * STEP_MS + 1) > low);
    }

    #[test]
    fn without_a_step_the_priority_alone_counts() {
        assert!(rank(1_000_000, 2, 0) < rank(0, 1, 0));
        assert_eq!(rank(1_000_000, 2, 0), rank(0, 2, 0));
    }
}
