//! Why an agent has its score.

use super::answer::{Evidence, FactorScore, Learned};
use super::values::{Scored, Shared, mean};
use crate::experience::Near;
use crate::index::{Index, QueryTerm};
use crate::phase::Phases;
use crate::request::Optimize;
use crate::weights::{FACTORS, Factor};

/// The first words of the evidence that are shown in a reason.
const SHOWN_WORDS: usize = 4;

/// What the evidence is taken from.
pub(super) struct Sources<'a> {
    pub index: &'a Index,
    pub phases: &'a Phases,
    pub terms: &'a [QueryTerm],
    pub shared: &'a Shared<'a>,
    /// Whether the request names no other agent.
    pub is_alone: bool,
}

impl Sources<'_> {
    pub(super) fn factors(
        &self,
        scored: &Scored,
        near: Option<&Near>,
        weights: &[f64; FACTORS],
    ) -> Vec<FactorScore> {
        let shown = Factor::ALL.into_iter().filter(|factor| {
            *factor != Factor::Economy || self.shared.optimize != Optimize::Quality
        });
        let score = |factor: Factor| {
            let weight = weights[factor as usize];
            let value = scored.values.get(factor);
            FactorScore {
                factor,
                value,
                weight,
                contribution: weight
                    * scored
                        .values
                        .or_assumed(factor, self.shared.expected_success),
                evidence: match value {
                    Some(_) => self.evidence(factor, scored, near),
                    None => Evidence::Missing(self.missing(factor)),
                },
            }
        };
        shown.map(score).collect()
    }

    fn evidence(&self, factor: Factor, scored: &Scored, near: Option<&Near>) -> Evidence {
        let candidate = scored.candidate;
        match factor {
            Factor::KeywordMatch => Evidence::Words(self.index.evidence(self.terms, scored.slot)),
            Factor::PhaseAlignment => {
                let shares = self.phases.shares(&self.index.at(scored.slot).phases);
                let shares = shares
                    .into_iter()
                    .map(|(name, share)| (name.to_owned(), share));
                Evidence::Phases(shares.collect())
            }
            Factor::RecentSuccess => Evidence::Runs {
                succeeded: candidate.recent.succeeded,
                finished: candidate.recent.finished,
            },
            Factor::Collaboration => Evidence::Runs {
                succeeded: candidate.together.succeeded,
                finished: candidate.together.finished,
            },
            Factor::DomainExpertise => {
                let near = near.copied().unwrap_or_default();
                Evidence::Tasks {
                    tasks: near.tasks,
                    weight: near.weight,
                }
            }
            Factor::Availability => Evidence::Running {
                running: candidate.running,
                limit: candidate.limit,
            },
            Factor::UserPreference => {
                let said = candidate.preference;
                Evidence::Preference {
                    pinned: said.pinned,
                    ratings: said.ratings,
                    shown: said.shown,
                    chosen: said.chosen,
                }
            }
            Factor::Economy => {
                let mean = mean(candidate, self.shared.optimize);
                mean.map_or(Evidence::Missing(self.missing(factor)), Evidence::Mean)
            }
        }
    }

    fn missing(&self, factor: Factor) -> &'static str {
        match factor {
            Factor::KeywordMatch => "no word of the task is in any definition",
            Factor::PhaseAlignment if self.shared.phase.is_none() => "the task names no phase",
            Factor::PhaseAlignment => "its definition names no phase",
            Factor::RecentSuccess => "no run finished in 30 days",
            Factor::DomainExpertise => "it did no task like this one",
            Factor::Availability => "it is not known what runs",
            Factor::Collaboration if self.is_alone => "no other agent is named",
            Factor::Collaboration => "it did not work with those agents",
            Factor::UserPreference => "no preference was given",
            Factor::Economy => "no run finished in 30 days",
        }
    }
}

/// In words: what adds to the score, and what was learned.
pub(super) fn reasons(factors: &[FactorScore], learned: &Learned) -> Vec<String> {
    let counted = factors.iter().filter(|score| score.weight > 0.0);
    let mut reasons: Vec<String> = counted.filter_map(reason).collect();
    if learned.contribution != 0.0 {
        let than = if learned.contribution > 0.0 {
            "better"
        } else {
            "worse"
        };
        let outcomes = learned.outcomes;
        reasons.push(format!(
            "{outcomes} outcomes of tasks like this were {than} than expected"
        ));
    }
    reasons
}

fn reason(score: &FactorScore) -> Option<String> {
    let percent = score.value.unwrap_or_default() * 100.0;
    match &score.evidence {
        Evidence::Words(words) => {
            let words: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
            let (last, first) = words[..words.len().min(SHOWN_WORDS)].split_last()?;
            Some(match first {
                [] => format!("{last} is in its definition"),
                _ => format!("{} and {last} are in its definition", first.join(", ")),
            })
        }
        Evidence::Phases(phases) if percent > 0.0 => {
            let most = phases.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
            Some(format!(
                "it is for {}, by {percent:.0} % what the task is",
                most.0
            ))
        }
        Evidence::Runs {
            succeeded,
            finished,
        } => {
            let which = match score.factor {
                Factor::Collaboration => "runs with those agents succeeded",
                _ => "runs succeeded in 30 days",
            };
            Some(format!("{succeeded} of {finished} {which}"))
        }
        Evidence::Tasks { tasks, .. } => Some(format!(
            "it did {tasks} tasks like this, with {percent:.0} % success"
        )),
        Evidence::Running { running: 0, .. } => Some("it is idle".to_owned()),
        Evidence::Running { running, .. } => Some(format!("{running} of its runs are active")),
        Evidence::Preference {
            pinned: Some(true), ..
        } => Some("it is pinned".to_owned()),
        Evidence::Preference {
            pinned: Some(false),
            ..
        } => Some("it is pinned down".to_owned()),
        Evidence::Preference {
            ratings,
            shown,
            chosen,
            ..
        } => Some(format!(
            "{ratings} ratings, chosen {chosen} times of {shown}"
        )),
        Evidence::Mean(_) if percent >= 50.0 => Some(match score.factor {
            Factor::Economy => format!("it is cheaper or faster than {percent:.0} % of the others"),
            _ => return None,
        }),
        Evidence::Phases(_) | Evidence::Mean(_) | Evidence::Missing(_) => None,
    }
}
