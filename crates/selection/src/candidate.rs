//! What is known of an agent besides its words, at the moment of a selection.

use std::sync::Arc;

/// Runs of the last days count half after this many.
const HALF_LIFE_DAYS: f64 = 14.0;
const MAX_AGE_DAYS: u32 = 30;

/// An agent that may be chosen. Its document is in the index.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub id: Arc<str>,
    /// Why it cannot be launched in this project now.
    pub ineligible: Option<Arc<str>>,
    pub recent: Runs,
    pub running: u32,
    /// How many of its runs are allowed at once.
    pub limit: Option<u32>,
    /// Sessions and chains of it with the agents that the request names.
    pub together: Runs,
    pub preference: Preference,
    pub mean_cost_micros: Option<u64>,
    pub mean_ms: Option<u64>,
}

/// Finished runs, the newer counting more.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Runs {
    pub succeeded: u64,
    pub finished: u64,
    weighted_succeeded: f64,
    weighted_finished: f64,
}

/// What the one that asks said of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Preference {
    /// Always or never preferred.
    pub pinned: Option<bool>,
    pub ratings: u32,
    /// The sum of ratings of 1 to 5.
    pub stars: u32,
    pub shown: u32,
    pub chosen: u32,
}

impl Candidate {
    /// Of which nothing is known but that it can be launched.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Candidate {
            id: id.into(),
            ineligible: None,
            recent: Runs::default(),
            running: 0,
            limit: None,
            together: Runs::default(),
            preference: Preference::default(),
            mean_cost_micros: None,
            mean_ms: None,
        }
    }
}

impl Runs {
    /// Adds the runs of a day; days beyond the last 30 are left out.
    pub fn add(&mut self, age_days: u32, succeeded: u64, finished: u64) {
        if age_days >= MAX_AGE_DAYS {
            return;
        }
        let weight = 0.5_f64.powf(f64::from(age_days) / HALF_LIFE_DAYS);
        let succeeded = succeeded.min(finished);
        self.succeeded = self.succeeded.saturating_add(succeeded);
        self.finished = self.finished.saturating_add(finished);
        self.weighted_succeeded += weight * succeeded as f64;
        self.weighted_finished += weight * finished as f64;
    }

    /// The success rate with so many runs of `expected` success beside it; `None` without runs.
    pub(crate) fn success(&self, expected: f64, prior: f64) -> Option<f64> {
        let all = self.weighted_finished + prior;
        (self.finished > 0).then(|| (self.weighted_succeeded + prior * expected) / all)
    }
}

impl Preference {
    /// 0.5 is indifference, which counts as four answers; `None` if nothing was said.
    pub(crate) fn value(&self) -> Option<f64> {
        const PRIOR: f64 = 4.0;
        if let Some(pinned) = self.pinned {
            return Some(f64::from(u8::from(pinned)));
        }
        let ratings = f64::from(self.ratings);
        let answers = ratings + f64::from(self.shown);
        // A star is a quarter, and the first is nothing.
        let stars = ((f64::from(self.stars) - ratings) / 4.0).clamp(0.0, ratings);
        let chosen = f64::from(self.chosen.min(self.shown));
        (answers > 0.0).then(|| (stars + chosen + PRIOR * 0.5) / (answers + PRIOR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_runs_count_more_and_old_ones_not_at_all() {
        let mut runs = Runs::default();
        assert_eq!(runs.success(0.6, 8.0), None);
        runs.add(30, 5, 5);
        assert_eq!(runs.success(0.6, 8.0), None);
        runs.add(0, 4, 4);
        runs.add(14, 0, 4);
        // 4 of 4 and 0 of 4 at a half, beside 8 of which 0.6 succeed.
        assert_eq!(runs.success(0.6, 8.0), Some((4.0 + 4.8) / (6.0 + 8.0)));
        assert_eq!((runs.succeeded, runs.finished), (4, 8));
    }

    #[test]
    fn a_preference_is_in_the_middle_until_something_is_said() {
        let said = |ratings, stars, shown, chosen| {
            let pinned = None;
            Preference {
                pinned,
                ratings,
                stars,
                shown,
                chosen,
            }
            .value()
        };
        assert_eq!(said(0, 0, 0, 0), None);
        assert_eq!(said(4, 20, 0, 0), Some(6.0 / 8.0));
        assert_eq!(said(4, 4, 0, 0), Some(2.0 / 8.0));
        assert_eq!(said(0, 0, 4, 4), Some(6.0 / 8.0));
        let pinned = |pinned| Preference {
            pinned: Some(pinned),
            ..Preference::default()
        };
        assert_eq!(
            (pinned(true).value(), pinned(false).value()),
            (Some(1.0), Some(0.0))
        );
    }
}
