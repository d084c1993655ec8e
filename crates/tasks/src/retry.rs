//! When a task is tried again.

const FIRST_MS: i64 = 30_000;
const MAX_MS: i64 = 15 * 60_000;

/// Before the attempt after so many, of which there is one at least. `chance` is 0..1: tasks that
/// failed together are not tried again together.
pub fn wait_ms(failed: u32, chance: f64) -> i64 {
    let doubled = FIRST_MS.saturating_mul(1 << failed.saturating_sub(1).min(16));
    let all = doubled.min(MAX_MS);
    let half = all / 2;
    half + (chance.clamp(0.0, 1.0) * half as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_until_its_bound_and_is_half_of_it_at_least() {
        assert_eq!((wait_ms(1, 0.0), wait_ms(1, 1.0)), (15_000, 30_000));
        assert_eq!((wait_ms(2, 0.0), wait_ms(2, 0.5)), (30_000, 45_000));
        assert_eq!((wait_ms(6, 1.0), wait_ms(40, 1.0)), (900_000, 900_000));
        assert_eq!(wait_ms(0, 1.0), 30_000);
    }
}
