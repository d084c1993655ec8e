//! Which agent is the best, as far as scores are uncertain: the probability of each, and a draw.
//!
//! The probabilities are integrated and not counted over draws: of 200 draws an agent has none
//! as often as not, and a propensity of 0 cannot be weighed.

/// Points of the integral; more change no probability by 10^-6.
const POINTS: usize = 200;
/// The integral's range around the means, in spreads.
const REACH: f64 = 6.0;
/// Each agent is drawn at least so often, divided by their number: no propensity is so small that
/// one outcome outweighs hundreds.
const FLOOR: f64 = 0.05;

/// For each mean with its spread, the probability that it is the highest.
pub(crate) fn chances(scores: &[(f64, f64)]) -> Vec<f64> {
    let low = scores.iter().map(|(mean, spread)| mean - REACH * spread);
    let low = low.fold(f64::INFINITY, f64::min);
    let high = scores.iter().map(|(mean, spread)| mean + REACH * spread);
    let high = high.fold(f64::NEG_INFINITY, f64::max);
    let step = (high - low) / POINTS as f64;
    let below = |at: f64| -> Vec<f64> {
        let each = scores
            .iter()
            .map(|(mean, spread)| normal((at - mean) / spread));
        each.collect()
    };
    let mut chances = vec![0.0; scores.len()];
    let mut before = below(low);
    for point in 0..POINTS {
        let middle = below(low + step * (point as f64 + 0.5));
        let after = below(low + step * (point + 1) as f64);
        for (place, chance) in chances.iter_mut().enumerate() {
            let others = middle[..place].iter().chain(&middle[place + 1..]);
            *chance += (after[place] - before[place]) * others.product::<f64>();
        }
        before = after;
    }
    let sum: f64 = chances.iter().sum();
    chances.into_iter().map(|chance| chance / sum).collect()
}

/// The propensities of a draw: chances, none below the floor.
pub(crate) fn propensities(chances: &[f64]) -> Vec<f64> {
    let even = FLOOR / chances.len() as f64;
    chances
        .iter()
        .map(|chance| even + (1.0 - FLOOR) * chance)
        .collect()
}

/// The place that a seed draws.
pub(crate) fn draw(propensities: &[f64], seed: u64) -> usize {
    let mut left = unit(seed);
    for (place, propensity) in propensities.iter().enumerate() {
        left -= propensity;
        if left < 0.0 {
            return place;
        }
    }
    propensities.len() - 1
}

/// 0..1 of a seed (SplitMix64): neighbouring seeds have nothing in common.
fn unit(seed: u64) -> f64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The normal distribution, within 10^-7 (Abramowitz and Stegun, 7.1.26).
fn normal(deviation: f64) -> f64 {
    let x = deviation.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let sum = series
        .into_iter()
        .fold(0.0, |sum, factor| (sum + factor) * t);
    let erf = 1.0 - sum * (-x * x).exp();
    0.5 * (1.0 + erf.copysign(deviation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_of_two_is_that_of_their_difference() {
        for (apart, spread) in [(0.0, 0.1), (0.05, 0.1), (0.2, 0.1), (0.3, 0.02)] {
            let chances = chances(&[(0.5 + apart, spread), (0.5, spread)]);
            let expected = normal(apart / (spread * 2.0_f64.sqrt()));
            assert!(
                (chances[0] - expected).abs() < 1e-3,
                "{apart}: {chances:?} {expected}"
            );
            assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        assert!((normal(1.0) - 0.841_344_7).abs() < 1e-6 && normal(-9.0) < 1e-9);
    }

    #[test]
    fn a_draw_has_its_propensities() {
        let expected = propensities(&[0.7, 0.2, 0.1, 0.0]);
        assert!((expected[3] - FLOOR / 4.0).abs() < 1e-12);
        const DRAWS: u64 = 20_000;
        let mut counts = [0.0; 4];
        for seed in 0..DRAWS {
            counts[draw(&expected, seed)] += 1.0;
        }
        for (count, expected) in counts.into_iter().zip(expected) {
            let error = (expected * (1.0 - expected) / DRAWS as f64).sqrt();
            assert!((count / DRAWS as f64 - expected).abs() < 4.0 * error);
        }
    }
}
