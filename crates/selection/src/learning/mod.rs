//! What the outcomes of selections teach: a correction of each score, for the one that asked.
//!
//! An agent's correction is how much better its tasks like this one ended than its score foretold,
//! shrunk while there are few. It is of one asker alone: what somebody says of an agent moves no
//! other's answers, however often it is said. What all know of an agent is in the factors, which
//! are made of runs.
//!
//! A regression on all factors was rejected: it gives a factor that is switched off its influence
//! back, and raises other agents for the success of one.

mod choices;
mod line;
mod quota;
mod skill;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use agentpulse_core::error::Rejection;

use crate::candidate::Preference;
use crate::experience::{Experience, Near, Past};
use crate::reward::Reward;
use choices::Choices;
use line::{Fit, Line};
use quota::Quota;
use skill::Skill;

pub use choices::Choice;

/// The most that is ever added or taken: less than what a person configures.
pub const MAX_CORRECTION: f64 = 0.25;
/// So many outcomes as foretold stand beside those of an agent.
const PRIOR: f64 = 10.0;
/// The variance of an outcome that is as likely as not.
const VARIANCE: f64 = 0.25;
/// The one that asked least recently goes.
const MAX_ASKERS: usize = 64;
const MAX_OUTCOMES: usize = 2_000;

/// The outcome of one selection.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    pub asker: Arc<str>,
    /// The agent that took the task.
    pub agent: Arc<str>,
    /// Days since any fixed one.
    pub day: i64,
    pub terms: Vec<String>,
    /// The score of the agent without what was learned, and what it would have been changed by
    /// without a cap, both as selected.
    pub base: f64,
    pub surprise: f64,
    pub reward: Reward,
}

#[derive(Debug, Clone, Default)]
pub struct Learner {
    askers: BTreeMap<Arc<str>, Asker>,
    said: u64,
}

#[derive(Debug, Clone)]
struct Asker {
    past: Experience,
    fit: Fit,
    skill: Skill,
    quota: Quota,
    choices: Choices,
    last: u64,
}

impl Learner {
    /// Returns whether it counts: of an agent, an asker has 20 outcomes a day.
    pub fn record(&mut self, ended: &Ended) -> Result<bool, Rejection> {
        for (field, value) in [("base", ended.base), ("surprise", ended.surprise)] {
            if !(-1.0..=1.0).contains(&value) {
                return Err(Rejection::new(format!(
                    "{field}: {value}, allowed are -1 to 1"
                )));
            }
        }
        let asker = self.asker(&ended.asker);
        let counts = asker.quota.take(&ended.agent, ended.day);
        if counts {
            asker.learn(ended);
        }
        Ok(counts)
    }

    /// Whom an asker chose of those that it was shown: what it prefers.
    pub fn choose(&mut self, asker: &Arc<str>, choice: &Choice) {
        self.asker(asker).choices.add(choice);
    }

    /// What an asker said of agents in a project, by their ids.
    pub fn preferences(
        &self,
        asker: &str,
        project: Option<&str>,
    ) -> impl Iterator<Item = (&str, Preference)> {
        let asker = self.askers.get(asker);
        asker
            .into_iter()
            .flat_map(move |asker| asker.choices.of(project))
    }

    /// As if this asker had never said anything.
    pub fn forget(&mut self, asker: &str) {
        self.askers.remove(asker);
    }

    /// What was learned for this asker about tasks of these words. An asker without outcomes has
    /// one that changes nothing.
    pub(crate) fn opinion(&self, asker: &str, terms: &[&str]) -> Opinion {
        self.askers
            .get(asker)
            .map_or_else(Opinion::default, |asker| Opinion {
                near: asker.past.near(terms),
                line: asker.fit.line,
                cap: MAX_CORRECTION * asker.skill.earned(),
            })
    }

    fn asker(&mut self, name: &Arc<str>) -> &mut Asker {
        self.said += 1;
        self.make_room(name);
        let asker = self.askers.entry(name.clone()).or_insert_with(Asker::new);
        asker.last = self.said;
        asker
    }

    fn make_room(&mut self, asker: &str) {
        if self.askers.len() < MAX_ASKERS || self.askers.contains_key(asker) {
            return;
        }
        let oldest = self.askers.iter().min_by_key(|(_, asker)| asker.last);
        if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
            self.askers.remove(&oldest);
        }
    }
}

impl Asker {
    fn new() -> Self {
        Asker {
            past: Experience::of(MAX_OUTCOMES),
            fit: Fit::default(),
            skill: Skill::default(),
            quota: Quota::default(),
            choices: Choices::default(),
            last: 0,
        }
    }

    fn learn(&mut self, ended: &Ended) {
        let reward = ended.reward;
        if self.fit.is_fitted() {
            let without = reward.value - self.fit.line.at(ended.base);
            self.skill.add(without, ended.surprise);
        }
        self.fit.add(ended.base, reward);
        self.past.add(&Past {
            agent: ended.agent.clone(),
            terms: ended.terms.clone(),
            success: reward.value,
            strength: reward.strength,
        });
    }
}

/// What was learned about tasks like one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opinion {
    near: HashMap<Arc<str>, Near>,
    line: Line,
    cap: f64,
}

/// Of one agent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Correction {
    /// Within the cap.
    pub value: f64,
    pub surprise: f64,
    pub spread: f64,
    pub outcomes: usize,
    pub cap: f64,
}

impl Opinion {
    pub(crate) fn of(&self, agent: &str, base: f64) -> Correction {
        let near = self.near.get(agent).copied().unwrap_or_default();
        let weight = near.weight + PRIOR;
        let surprise = (near.success - near.weight * self.line.at(base)) / weight;
        Correction {
            value: surprise.clamp(-self.cap, self.cap),
            surprise,
            spread: (VARIANCE / weight).sqrt(),
            outcomes: near.tasks,
            cap: self.cap,
        }
    }
}
