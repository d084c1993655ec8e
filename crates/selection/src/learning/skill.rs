//! Whether what was learned foretells outcomes: only then it may change scores.
//!
//! The squared error with the correction is compared with the error without it, outcome by
//! outcome. Their ratio would not do: an outcome is mostly chance, so that even a perfect
//! correction takes little off the error. What counts is how sure it is that it takes off any.

use std::collections::VecDeque;

const WINDOW: usize = 300;
/// Fewer say nothing.
const MIN: usize = 20;
/// The mean is worth the whole cap when it is so many of its standard errors above 0.
const SURE: f64 = 2.0;

#[derive(Debug, Clone, Default)]
pub(super) struct Skill {
    /// How much less the squared error of an outcome was with the correction.
    gains: VecDeque<f64>,
}

impl Skill {
    /// An outcome that was foretold with this error without the correction.
    pub(super) fn add(&mut self, error: f64, correction: f64) {
        if correction == 0.0 {
            return;
        }
        if self.gains.len() == WINDOW {
            self.gains.pop_front();
        }
        self.gains
            .push_back(error.powi(2) - (error - correction).powi(2));
    }

    /// The share of the cap: 0 where the correction made it worse, 1 where it surely helps.
    pub(super) fn earned(&self) -> f64 {
        let count = self.gains.len();
        if count < MIN {
            return 0.0;
        }
        let count = count as f64;
        let mean = self.gains.iter().sum::<f64>() / count;
        let squares: f64 = self.gains.iter().map(|gain| (gain - mean).powi(2)).sum();
        let error = (squares / (count - 1.0) / count).sqrt();
        if mean <= 0.0 {
            return 0.0;
        }
        (mean / (SURE * error)).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earned(outcomes: impl Iterator<Item = (f64, f64)>) -> f64 {
        let mut skill = Skill::default();
        for (error, correction) in outcomes {
            skill.add(error, correction);
        }
        skill.earned()
    }

    #[test]
    fn only_a_correction_that_helps_earns_anything() {
        assert_eq!(earned((0..19).map(|_| (0.5, 0.2))), 0.0);
        assert_eq!(earned((0..20).map(|_| (0.5, 0.2))), 1.0);
        assert_eq!(earned((0..20).map(|_| (-0.5, 0.2))), 0.0);
        assert_eq!(earned((0..100).map(|_| (0.5, 0.0))), 0.0);
        // As often right as wrong, it takes 0.04 more than it gives.
        let even = |n: i32| (if n % 2 == 0 { 0.5 } else { -0.5 }, 0.2);
        assert_eq!(earned((0..300).map(even)), 0.0);
        // Right three times of four: gains of 0.16 and -0.24, on average 0.06.
        let often = |n: i32| (if n % 4 == 0 { -0.5 } else { 0.5 }, 0.2);
        let few = earned((0..20).map(often));
        let error = 0.4 * (0.1875_f64 / 19.0).sqrt();
        assert!((few - 0.06 / (2.0 * error)).abs() < 1e-9, "{few}");
        assert_eq!(earned((0..300).map(often)), 1.0);
    }

    #[test]
    fn what_helped_long_ago_does_not_count() {
        let helped = (0..WINDOW).map(|_| (0.5, 0.2));
        let harmed = (0..WINDOW).map(|_| (-0.5, 0.2));
        assert_eq!(earned(helped.chain(harmed)), 0.0);
    }
}
