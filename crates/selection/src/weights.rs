//! What a selection weighs, and how much.

use agentpulse_core::error::Rejection;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Factor {
    KeywordMatch,
    PhaseAlignment,
    RecentSuccess,
    DomainExpertise,
    Availability,
    Collaboration,
    UserPreference,
    /// Only where a request optimizes for cost or speed.
    Economy,
}

pub(crate) const FACTORS: usize = 8;

impl Factor {
    pub const ALL: [Factor; FACTORS] = [
        Factor::KeywordMatch,
        Factor::PhaseAlignment,
        Factor::RecentSuccess,
        Factor::DomainExpertise,
        Factor::Availability,
        Factor::Collaboration,
        Factor::UserPreference,
        Factor::Economy,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Factor::KeywordMatch => "keyword_match",
            Factor::PhaseAlignment => "phase_alignment",
            Factor::RecentSuccess => "recent_success",
            Factor::DomainExpertise => "domain_expertise",
            Factor::Availability => "availability",
            Factor::Collaboration => "collaboration",
            Factor::UserPreference => "user_preference",
            Factor::Economy => "economy",
        }
    }

    fn of_name(name: &str) -> Option<Factor> {
        Factor::ALL.into_iter().find(|factor| factor.name() == name)
    }
}

/// The weight of economy in a request that optimizes for it.
const OPTIMIZED: f64 = 0.20;
/// Beyond it one weight is all that counts, and sums lose the others.
const MAX_WEIGHT: f64 = 1_000.0;

/// Any numbers of 0 to 1,000, of which one at least is above 0; 0 switches a factor off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights([f64; FACTORS]);

impl Weights {
    /// The same with these changed.
    pub fn changed<'n>(
        self,
        changes: impl IntoIterator<Item = (&'n str, f64)>,
    ) -> Result<Weights, Rejection> {
        let mut weights = self;
        for (name, weight) in changes {
            let factor = Factor::of_name(name).ok_or_else(|| unknown(name))?;
            if !(0.0..=MAX_WEIGHT).contains(&weight) {
                return Err(Rejection::new(format!(
                    "weights.{name}: {weight}, allowed are 0 to {MAX_WEIGHT}"
                )));
            }
            weights.0[factor as usize] = weight;
        }
        if weights.0.iter().all(|weight| *weight == 0.0) {
            return Err(Rejection::new("weights: all are 0, one at least is above"));
        }
        Ok(weights)
    }

    pub fn get(&self, factor: Factor) -> f64 {
        self.0[factor as usize]
    }

    /// With economy as what a request optimizes for, unless it has a weight of its own.
    pub(crate) fn optimized(mut self) -> Weights {
        let economy = &mut self.0[Factor::Economy as usize];
        if *economy == 0.0 {
            *economy = OPTIMIZED;
        }
        self
    }

    /// The weights of the factors that count, which add up to 1; the others' are spread over them
    /// in proportion. All are 0 if nothing counts.
    pub(crate) fn among(&self, counts: impl Fn(Factor) -> bool) -> [f64; FACTORS] {
        let counted = Factor::ALL.map(|factor| {
            if counts(factor) {
                self.get(factor)
            } else {
                0.0
            }
        });
        let sum: f64 = counted.iter().sum();
        if sum == 0.0 {
            return counted;
        }
        counted.map(|weight| weight / sum)
    }
}

impl Default for Weights {
    fn default() -> Self {
        Weights([0.25, 0.20, 0.15, 0.15, 0.10, 0.10, 0.05, 0.0])
    }
}

fn unknown(name: &str) -> Rejection {
    let names = Factor::ALL.map(Factor::name).join(", ");
    Rejection::new(format!("weights.{name}: not a factor; these are: {names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_weight_is_rejected_with_its_name_and_bound() {
        let refused = [
            (
                "availability",
                f64::NAN,
                "weights.availability: NaN, allowed are 0 to 1000",
            ),
            (
                "keyword_match",
                -0.1,
                "weights.keyword_match: -0.1, allowed are 0 to 1000",
            ),
            (
                "economy",
                f64::INFINITY,
                "weights.economy: inf, allowed are 0 to 1000",
            ),
            (
                "collaboration",
                1000.5,
                "weights.collaboration: 1000.5, allowed are 0 to 1000",
            ),
        ];
        for (name, weight, message) in refused {
            assert_eq!(
                Weights::default().changed([(name, weight)]).unwrap_err().0,
                message
            );
        }
        let error = Weights::default().changed([("charm", 1.0)]).unwrap_err();
        assert!(
            error
                .0
                .starts_with("weights.charm: not a factor; these are: keyword_match,")
        );
        let zeros = Factor::ALL.map(|factor| (factor.name(), 0.0));
        assert_eq!(
            Weights::default().changed(zeros).unwrap_err().0,
            "weights: all are 0, one at least is above"
        );
    }

    #[test]
    fn weights_that_count_add_up_to_one() {
        let weights = Weights::default();
        assert_eq!(weights.among(|_| true).iter().sum::<f64>(), 1.0);
        let two =
            weights.among(|factor| matches!(factor, Factor::KeywordMatch | Factor::UserPreference));
        assert!((two[0] - 0.25 / 0.30).abs() < 1e-12 && (two[6] - 0.05 / 0.30).abs() < 1e-12);
        assert_eq!(weights.among(|_| false), [0.0; FACTORS]);
        let changed = Weights::default()
            .changed([("keyword_match", 0.0)])
            .unwrap();
        assert_eq!(
            changed.among(|factor| factor == Factor::KeywordMatch),
            [0.0; FACTORS]
        );
        assert_eq!(weights.optimized().get(Factor::Economy), 0.2);
    }
}
