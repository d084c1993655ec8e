//! The factors of a candidate, each 0..1.

use std::sync::Arc;

use crate::candidate::Candidate;
use crate::experience::Near;
use crate::phase::Profile;
use crate::request::Optimize;
use crate::weights::{FACTORS, Factor};

/// So many runs of the expected success stand beside an agent's own. It is the same for all agents:
/// with that of its type, the first success of an agent could cost it a place.
const RECENT_PRIOR: f64 = 8.0;
const EXPERTISE_PRIOR: f64 = 4.0;
const COLLABORATION_PRIOR: f64 = 4.0;
/// How far from the middle a phase counts that is guessed from words. In full it took the first
/// place from the right agent in one of seven tasks: "fix" is not for the debugger alone.
const GUESSED: f64 = 0.2;
/// Where nothing says more or less.
const MIDDLE: f64 = 0.5;

/// `None` where there is no evidence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values([Option<f64>; FACTORS]);

/// What the values of all candidates have in common.
pub(super) struct Shared<'a> {
    pub phase: Option<Profile>,
    pub is_phase_given: bool,
    /// Whether any word of the task is known.
    pub has_words: bool,
    /// By cost or by time, of those that have one, rising.
    pub means: &'a [u64],
    pub optimize: Optimize,
    /// Of an agent without a record, 0..1.
    pub expected_success: f64,
}

impl Values {
    pub(super) fn of(
        candidate: &Candidate,
        keyword_match: f64,
        phases: &Profile,
        near: Option<&Near>,
        shared: &Shared,
    ) -> Values {
        let expected = shared.expected_success;
        let phase = shared.phase.filter(|_| !phases.is_empty());
        let mut values = Values([None; FACTORS]);
        let mut set = |factor: Factor, value| values.0[factor as usize] = value;
        set(
            Factor::KeywordMatch,
            shared.has_words.then_some(keyword_match),
        );
        let far = if shared.is_phase_given { 1.0 } else { GUESSED };
        let aligned = |phase: Profile| MIDDLE + far * (phase.alignment(phases) - MIDDLE);
        set(Factor::PhaseAlignment, phase.map(aligned));
        set(
            Factor::RecentSuccess,
            candidate.recent.success(expected, RECENT_PRIOR),
        );
        set(
            Factor::DomainExpertise,
            near.map(|near| near.mean(expected, EXPERTISE_PRIOR)),
        );
        set(Factor::Availability, Some(availability(candidate)));
        let together = candidate.together.success(expected, COLLABORATION_PRIOR);
        set(Factor::Collaboration, together);
        set(Factor::UserPreference, candidate.preference.value());
        set(Factor::Economy, economy(candidate, shared));
        values
    }

    pub(super) fn get(&self, factor: Factor) -> Option<f64> {
        self.0[factor as usize]
    }

    /// What counts for a factor without evidence. To count a 0 would be a verdict, and to spread
    /// its weight over the candidate's other factors would rank one without a record above one with
    /// a middling record: a first success could cost a place.
    pub(super) fn or_assumed(&self, factor: Factor, expected_success: f64) -> f64 {
        self.get(factor).unwrap_or(match factor {
            Factor::RecentSuccess | Factor::DomainExpertise | Factor::Collaboration => {
                expected_success
            }
            Factor::KeywordMatch
            | Factor::PhaseAlignment
            | Factor::Availability
            | Factor::UserPreference
            | Factor::Economy => MIDDLE,
        })
    }
}

/// How sure it is that an agent is good at tasks like this: its success at the nearest ones, less
/// while there are few of them.
pub(super) fn proven(near: Option<&Near>) -> f64 {
    let mean = |near: &Near| near.success / near.weight * (1.0 - (-near.weight / 10.0).exp());
    near.filter(|near| near.weight > 0.0).map_or(0.0, mean)
}

fn availability(candidate: &Candidate) -> f64 {
    let running = f64::from(candidate.running);
    match candidate.limit {
        Some(limit) if limit > 0 => (1.0 - running / f64::from(limit)).max(0.0),
        Some(_) => 0.0,
        None => 1.0 / (1.0 + running),
    }
}

pub(super) fn mean(candidate: &Candidate, optimize: Optimize) -> Option<u64> {
    match optimize {
        Optimize::Quality => None,
        Optimize::Cost => candidate.mean_cost_micros,
        Optimize::Speed => candidate.mean_ms,
    }
}

/// 1 for the least mean and 0 for the most.
fn economy(candidate: &Candidate, shared: &Shared) -> Option<f64> {
    let mean = mean(candidate, shared.optimize)?;
    let below = shared.means.partition_point(|other| *other < mean);
    let others = shared.means.len().saturating_sub(1).max(1);
    Some(1.0 - below as f64 / others as f64)
}

/// An agent with its factors, before and after what was learned.
pub(super) struct Scored<'a> {
    pub candidate: &'a Candidate,
    pub slot: usize,
    /// In the roster.
    pub place: usize,
    pub run_name: &'a Arc<str>,
    pub values: Values,
    pub proven: f64,
    pub base: f64,
    /// What was learned adds this.
    pub learned: f64,
    /// Whether it has to do with the task.
    pub fits: bool,
}

impl Scored<'_> {
    /// By which candidates are ordered. It may lie outside of 0..1, where scores would be equal.
    pub(super) fn rank(&self) -> f64 {
        self.base + self.learned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(candidate: &Candidate, near: Option<&Near>) -> Values {
        let shared = Shared {
            phase: None,
            is_phase_given: false,
            has_words: true,
            means: &[10, 20, 30],
            optimize: Optimize::Speed,
            expected_success: 0.7,
        };
        Values::of(candidate, 0.25, &Profile::default(), near, &shared)
    }

    #[test]
    fn a_factor_without_evidence_is_unknown_and_assumed_to_be_middling() {
        let new = Candidate::new("a");
        let found = values(&new, None);
        let known = Factor::ALL.map(|factor| found.get(factor));
        let expected = [Some(0.25), None, None, None, Some(1.0), None, None, None];
        assert_eq!(known, expected);
        let assumed = Factor::ALL.map(|factor| found.or_assumed(factor, 0.7));
        assert_eq!(assumed, [0.25, 0.5, 0.7, 0.7, 1.0, 0.7, 0.5, 0.5]);
    }

    #[test]
    fn values_are_those_of_the_rules() {
        let mut agent = Candidate::new("a");
        agent.recent.add(0, 8, 8);
        agent.together.add(0, 0, 4);
        (agent.running, agent.mean_ms) = (3, Some(20));
        let near = Near {
            weight: 4.0,
            success: 3.0,
            tasks: 4,
        };
        let found = values(&agent, Some(&near));
        let known = Factor::ALL.map(|factor| found.get(factor));
        let expected = [
            Some(0.25),
            None,
            Some(13.6 / 16.0),
            Some(5.8 / 8.0),
            Some(0.25),
            Some(2.8 / 8.0),
            None,
            Some(0.5),
        ];
        assert_eq!(known, expected);
        assert!((proven(Some(&near)) - 0.75 * (1.0 - (-0.4_f64).exp())).abs() < 1e-12);
        agent.limit = Some(4);
        assert_eq!(availability(&agent), 0.25);
        agent.limit = Some(2);
        assert_eq!(availability(&agent), 0.0);
    }
}
