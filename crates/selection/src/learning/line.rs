//! Which reward a score foretells: a line through the outcomes of all agents.
//!
//! A score is no probability. Without the line, rewards that are lower than scores would make every
//! agent that was tried look bad, and those without outcomes good; and outcomes at random would
//! seem to teach that scores mean nothing.

use crate::reward::Reward;

/// An outcome counts half after about 140 others.
const KEPT: f64 = 0.995;
/// Before it, one outcome moves its agent alone.
const REFIT: u32 = 20;
/// The weight of a reward of 0 for a score of 0, and of 1 for 1, before any outcome.
const PRIOR: f64 = 0.5;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    level: f64,
    slope: f64,
}

impl Default for Line {
    /// A score is its reward.
    fn default() -> Self {
        Line {
            level: 0.0,
            slope: 1.0,
        }
    }
}

impl Line {
    pub(super) fn at(&self, score: f64) -> f64 {
        (self.level + self.slope * score).clamp(0.0, 1.0)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Fit {
    pub line: Line,
    outcomes: u32,
    weight: f64,
    scores: f64,
    rewards: f64,
    squares: f64,
    products: f64,
}

impl Default for Fit {
    fn default() -> Self {
        Fit {
            line: Line::default(),
            outcomes: 0,
            weight: 2.0 * PRIOR,
            scores: PRIOR,
            rewards: PRIOR,
            squares: PRIOR,
            products: PRIOR,
        }
    }
}

impl Fit {
    pub(super) fn is_fitted(&self) -> bool {
        self.outcomes >= REFIT
    }

    pub(super) fn add(&mut self, score: f64, reward: Reward) {
        let (weight, value) = (reward.strength, reward.value);
        let add = |sum: &mut f64, value: f64| *sum = *sum * KEPT + weight * value;
        add(&mut self.weight, 1.0);
        add(&mut self.scores, score);
        add(&mut self.rewards, value);
        add(&mut self.squares, score * score);
        add(&mut self.products, score * value);
        self.outcomes = self.outcomes.saturating_add(1);
        if self.outcomes.is_multiple_of(REFIT) {
            self.line = self.fitted();
        }
    }

    /// Least squares; a higher score never foretells a lower reward.
    fn fitted(&self) -> Line {
        let (score, reward) = (self.scores / self.weight, self.rewards / self.weight);
        let variance = self.squares / self.weight - score * score;
        let together = self.products / self.weight - score * reward;
        let slope = if variance > 1e-9 {
            (together / variance).clamp(0.0, 1.0)
        } else {
            1.0
        };
        Line {
            level: reward - slope * score,
            slope,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(outcomes: impl Iterator<Item = (f64, f64)>) -> Line {
        let mut fit = Fit::default();
        for (score, value) in outcomes {
            fit.add(
                score,
                Reward {
                    value,
                    strength: 1.0,
                },
            );
        }
        fit.line
    }

    #[test]
    fn the_line_goes_through_the_outcomes() {
        let scores = |n: u32| f64::from(n % 5) / 5.0;
        let half = fitted((0..400).map(|n| (scores(n), 0.1 + scores(n) / 2.0)));
        assert!(
            (half.at(0.2) - 0.2).abs() < 0.01 && (half.at(0.8) - 0.5).abs() < 0.01,
            "{half:?}"
        );
        let flat = fitted((0..400).map(|n| (scores(n), f64::from(n / 5 % 2))));
        assert!(
            (flat.at(0.0) - 0.5).abs() < 0.05 && (flat.at(0.8) - 0.5).abs() < 0.05,
            "{flat:?}"
        );
        let falling = fitted((0..400).map(|n| (scores(n), 1.0 - scores(n))));
        assert_eq!(falling.at(0.0), falling.at(1.0));
    }

    #[test]
    fn before_enough_outcomes_a_score_is_its_reward() {
        let line = fitted((0..REFIT - 1).map(|_| (0.9, 0.0)));
        assert_eq!(line, Line::default());
        assert_ne!(fitted((0..REFIT).map(|_| (0.9, 0.0))), Line::default());
    }
}
