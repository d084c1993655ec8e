//! What the end of a task says of the agent that took it.

use agentpulse_core::error::Rejection;

/// What is known of an end; more than one may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 1 to 5, by the one that asked.
    Rating(u8),
    Task {
        is_completed: bool,
        is_retried: bool,
    },
    /// A client's success only says that its API did not fail.
    Execution { is_success: bool },
}

/// 0..1, and how much it says, 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reward {
    pub value: f64,
    pub strength: f64,
}

impl Outcome {
    pub fn reward(self) -> Result<Reward, Rejection> {
        let (value, strength) = match self {
            Outcome::Rating(stars @ 1..=5) => (f64::from(stars - 1) / 4.0, 1.0),
            Outcome::Rating(stars) => {
                return Err(Rejection::new(format!(
                    "rating: {stars}, allowed are 1 to 5"
                )));
            }
            Outcome::Task {
                is_completed: false,
                ..
            } => (0.0, 0.7),
            Outcome::Task {
                is_retried: true, ..
            } => (0.5, 0.7),
            Outcome::Task { .. } => (1.0, 0.7),
            Outcome::Execution { is_success } => (f64::from(u8::from(is_success)), 0.3),
        };
        Ok(Reward { value, strength })
    }
}

/// The reward of the strongest outcome. Returns `None` if there is none: an agent that was shown
/// while another was chosen is no outcome.
pub fn strongest(outcomes: &[Outcome]) -> Result<Option<Reward>, Rejection> {
    let mut strongest: Option<Reward> = None;
    for outcome in outcomes {
        let reward = outcome.reward()?;
        if strongest.is_none_or(|known| reward.strength > known.strength) {
            strongest = Some(reward);
        }
    }
    Ok(strongest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_outcome_counts() {
        let failed = Outcome::Execution { is_success: false };
        let retried = Outcome::Task {
            is_completed: true,
            is_retried: true,
        };
        let of = |outcomes: &[Outcome]| {
            strongest(outcomes)
                .unwrap()
                .map(|reward| (reward.value, reward.strength))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[failed]), Some((0.0, 0.3)));
        assert_eq!(of(&[failed, retried]), Some((0.5, 0.7)));
        assert_eq!(
            of(&[retried, Outcome::Rating(4), failed]),
            Some((0.75, 1.0))
        );
        let lost = Outcome::Task {
            is_completed: false,
            is_retried: true,
        };
        assert_eq!(of(&[lost]), Some((0.0, 0.7)));
        let error = strongest(&[Outcome::Rating(6)]).unwrap_err();
        assert_eq!(error.0, "rating: 6, allowed are 1 to 5");
    }
}
