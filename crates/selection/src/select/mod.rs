//! Which agents should take a task: factors, weights, what was learned, and whether anybody fits.

mod answer;
mod explain;
#[cfg(test)]
mod tests;
mod values;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use agentpulse_core::error::Rejection;

use crate::candidate::Candidate;
use crate::experience::{Experience, Near};
use crate::explore::{chances, draw, propensities};
use crate::index::{Index, Matches};
use crate::learning::{Learner, Opinion};
use crate::phase::Phases;
use crate::query::Query;
use crate::request::{Optimize, Request};
use crate::weights::{FACTORS, Factor, Weights};
use crate::words::Words;
use explain::{Sources, reasons};
use values::{Scored, Shared, Values, mean, proven};

pub use answer::{Evidence, Explored, FactorScore, Learned, Ranked, Rejected, Selection};

/// An agent whose words cover less of a task does not fit it, unless it is proven. It is the least
/// with which no more than 5 % of tasks that are none of the agents' were answered:
/// `tests/retrieval.rs` prints the curve.
pub const MIN_FIT: f64 = 0.12;
/// An agent that did tasks like it this well fits, whatever its words.
pub const MIN_PROVEN: f64 = 0.2;
/// A draw is among those that are so much worse than the best at most.
const PLAUSIBLE: f64 = 0.15;
/// Of these, so many.
const MAX_PLAUSIBLE: usize = 32;
const MAX_REJECTED: usize = 20;

/// The tables by which tasks and definitions are read.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    pub words: Words,
    pub phases: Phases,
}

/// What is known when a task is to be assigned.
#[derive(Debug, Clone, Copy)]
pub struct Knowledge<'a> {
    pub index: &'a Index,
    pub experience: &'a Experience,
    /// The success of all agents in the last days, 0..1: what is expected of one without a record.
    /// It should change seldom, since it moves all of them.
    pub expected_success: f64,
    /// What was learned, and for whom; `None` switches it off.
    pub learned: Option<(&'a Learner, &'a str)>,
}

impl Knowledge<'_> {
    /// In the middle if it is no number.
    fn expected(&self) -> f64 {
        if self.expected_success.is_nan() {
            return 0.5;
        }
        self.expected_success.clamp(0.0, 1.0)
    }
}

impl Selector {
    /// Checks a request and reads its words.
    pub fn read(&self, request: &Request, index: &Index) -> Result<Query, Rejection> {
        request.check(&self.phases)?;
        Ok(Query::read(request, &self.words, &self.phases, index))
    }

    /// Of a query of this request and the matches of this query in this index.
    pub fn select(
        &self,
        known: &Knowledge,
        request: &Request,
        query: &Query,
        matches: &Matches,
        candidates: &[Candidate],
    ) -> Selection {
        let terms: Vec<&str> = query.terms.iter().map(|term| term.term.as_str()).collect();
        let near = known.experience.near(&terms);
        let opinion = known
            .learned
            .map_or_else(Opinion::default, |(learner, asker)| {
                learner.opinion(asker, &terms)
            });
        let (able, rejected) = eligible(known.index, request, matches, candidates);
        let shared = Shared {
            phase: query.phase,
            is_phase_given: request.context.phase.is_some(),
            has_words: matches.is_known,
            means: &means(&able, request.optimize),
            optimize: request.optimize,
            expected_success: known.expected(),
        };
        let mut scored = score(known.index, matches, &near, &able, &shared);
        let weights = weigh(request, &shared, &mut scored);
        for scored in &mut scored {
            scored.learned = opinion.of(&scored.candidate.id, scored.base).value;
        }
        best_first(&mut scored, request.limit.max(MAX_PLAUSIBLE));
        for one in &mut scored {
            one.fits = fits(one, known.index, query, &request.weights);
        }
        let choice = choose(&scored, &opinion, request);
        let sources = Sources {
            index: known.index,
            phases: &self.phases,
            terms: &query.terms,
            shared: &shared,
            is_alone: !request.context.names_others(),
        };
        let mut shown: Vec<&Scored> = scored.iter().take(request.limit).collect();
        // A drawn agent may stand behind the limit.
        if let (Some(choice), Some(last)) = (&choice, shown.last_mut())
            && choice.place >= request.limit
        {
            *last = &scored[choice.place];
        }
        let ranked = |scored: &&Scored| {
            let near = near.get(&scored.candidate.id);
            rank(scored, sources.factors(scored, near, &weights), &opinion)
        };
        Selection {
            agents: shown.iter().map(ranked).collect(),
            reasons: match choice {
                Some(_) => Vec::new(),
                None => missing(query, &scored, &weights),
            },
            recommendation: choice
                .as_ref()
                .map(|choice| scored[choice.place].run_name.clone()),
            confidence: choice.as_ref().map(|choice| choice.confidence),
            explored: choice.and_then(|choice| choice.explored),
            rejected,
        }
    }
}

/// The candidates with their places in the index, and those that cannot take the task.
fn eligible<'a>(
    index: &Index,
    request: &Request,
    matches: &Matches,
    candidates: &'a [Candidate],
) -> (Vec<(&'a Candidate, usize)>, Vec<Rejected>) {
    let mut able = Vec::with_capacity(candidates.len());
    let mut rejected: Vec<(f64, Rejected)> = Vec::new();
    for candidate in candidates {
        // A definition that came after the index was read.
        let Some(slot) = index.slot(&candidate.id) else {
            continue;
        };
        let document = &index.at(slot).document;
        let lacks = |tool: &&String| !document.has_tool(tool);
        let reason = if let Some(reason) = &candidate.ineligible {
            reason.clone()
        } else if request
            .exclude
            .iter()
            .any(|name| **name == *document.run_name)
        {
            "it is excluded".to_owned()
        } else if let Some(tool) = request.require_tools.iter().find(lacks) {
            format!("it has no tool {tool}")
        } else {
            able.push((candidate, slot));
            continue;
        };
        let value = matches.value(slot);
        if value > 0.0 {
            let run_name = document.run_name.clone();
            rejected.push((value, Rejected { run_name, reason }));
        }
    }
    let by_fit = |a: &(f64, Rejected), b: &(f64, Rejected)| {
        b.0.total_cmp(&a.0)
            .then_with(|| a.1.run_name.cmp(&b.1.run_name))
    };
    rejected.sort_by(by_fit);
    rejected.truncate(MAX_REJECTED);
    (
        able,
        rejected.into_iter().map(|(_, rejected)| rejected).collect(),
    )
}

/// Of those that have one, rising.
fn means(able: &[(&Candidate, usize)], optimize: Optimize) -> Vec<u64> {
    let means = able
        .iter()
        .filter_map(|(candidate, _)| mean(candidate, optimize));
    let mut means: Vec<u64> = means.collect();
    means.sort_unstable();
    means
}

fn score<'a>(
    index: &'a Index,
    matches: &Matches,
    near: &HashMap<Arc<str>, Near>,
    able: &[(&'a Candidate, usize)],
    shared: &Shared,
) -> Vec<Scored<'a>> {
    let scored = |&(candidate, slot): &(&'a Candidate, usize)| {
        let near = near.get(&candidate.id);
        let indexed = index.at(slot);
        let (value, phases) = (matches.value(slot), &indexed.phases);
        Scored {
            candidate,
            slot,
            run_name: &indexed.document.run_name,
            values: Values::of(candidate, value, phases, near, shared),
            proven: proven(near),
            base: 0.0,
            learned: 0.0,
            fits: false,
        }
    };
    able.iter().map(scored).collect()
}

/// Fills the scores without what was learned; returns the weights of the factors that the request
/// gives anything to judge by. Whether a candidate has a record changes no weight: with the weights
/// that of all others would change, beside what was learned of them.
fn weigh(request: &Request, shared: &Shared, scored: &mut [Scored]) -> [f64; FACTORS] {
    let counts = |factor: Factor| match factor {
        Factor::KeywordMatch => shared.has_words,
        Factor::PhaseAlignment => shared.phase.is_some(),
        Factor::Collaboration => request.context.names_others(),
        Factor::Economy => request.optimize != Optimize::Quality,
        Factor::RecentSuccess
        | Factor::DomainExpertise
        | Factor::Availability
        | Factor::UserPreference => true,
    };
    let weights = match request.optimize {
        Optimize::Quality => request.weights,
        Optimize::Cost | Optimize::Speed => request.weights.optimized(),
    };
    let weights = weights.among(counts);
    for one in scored {
        let counted = Factor::ALL.into_iter().zip(weights);
        let counted = counted.filter(|(_, weight)| *weight > 0.0);
        let shares = counted.map(|(factor, weight)| {
            weight * one.values.or_assumed(factor, shared.expected_success)
        });
        // Weights that add up to 1 may do so a little above it.
        one.base = shares.sum::<f64>().min(1.0);
    }
    weights
}

/// The order of candidates does not depend on the order in which they came.
fn order(a: &Scored, b: &Scored) -> Ordering {
    let by_name = || a.run_name.cmp(b.run_name);
    let by_id = || a.candidate.id.cmp(&b.candidate.id);
    b.rank()
        .total_cmp(&a.rank())
        .then_with(by_name)
        .then_with(by_id)
}

/// Keeps the first in order.
fn best_first(scored: &mut Vec<Scored>, most: usize) {
    if scored.len() > most {
        scored.select_nth_unstable_by(most, order);
        scored.truncate(most);
    }
    scored.sort_unstable_by(order);
}

struct Choice {
    place: usize,
    confidence: f64,
    explored: Option<Explored>,
}

/// The first that fits, or one that was drawn among those that are about as good.
fn choose(scored: &[Scored], opinion: &Opinion, request: &Request) -> Option<Choice> {
    let fitting = (0..scored.len()).filter(|place| scored[*place].fits);
    let fitting: Vec<usize> = fitting.take(MAX_PLAUSIBLE).collect();
    let best = scored[*fitting.first()?].rank();
    let plausible = fitting
        .into_iter()
        .filter(|place| scored[*place].rank() >= best - PLAUSIBLE);
    let plausible: Vec<usize> = plausible.collect();
    let spread = |place: &usize| {
        let one = &scored[*place];
        (one.rank(), opinion.of(&one.candidate.id, one.base).spread)
    };
    let spreads: Vec<(f64, f64)> = plausible.iter().map(spread).collect();
    let chances = chances(&spreads);
    let Some(seed) = request.explore else {
        return Some(Choice {
            place: plausible[0],
            confidence: chances[0],
            explored: None,
        });
    };
    let propensities = propensities(&chances);
    let drawn = draw(&propensities, seed);
    let propensity = propensities[drawn];
    Some(Choice {
        place: plausible[drawn],
        confidence: chances[drawn],
        explored: Some(Explored { seed, propensity }),
    })
}

/// Whether an agent has to do with the task. If neither of the factors that say so is asked for,
/// all have.
fn fits(scored: &Scored, index: &Index, query: &Query, weights: &Weights) -> bool {
    let counts = |factor: Factor| weights.get(factor) > 0.0;
    let (words, expertise) = (
        counts(Factor::KeywordMatch),
        counts(Factor::DomainExpertise),
    );
    let is_proven = expertise && scored.proven >= MIN_PROVEN;
    is_proven || words && index.fit(&query.terms, scored.slot) >= MIN_FIT || !(words || expertise)
}

fn missing(query: &Query, scored: &[Scored], weights: &[f64; FACTORS]) -> Vec<String> {
    if scored.is_empty() {
        return vec!["no agent can take it".to_owned()];
    }
    if weights.iter().all(|weight| *weight == 0.0) {
        return vec!["there is no evidence for a factor that has a weight".to_owned()];
    }
    let unknown: Vec<&str> = query.unknown_terms().take(8).collect();
    let mut reasons = vec!["no agent has enough of its words, or did such tasks".to_owned()];
    if !unknown.is_empty() {
        reasons.push(format!("in no definition: {}", unknown.join(", ")));
    }
    reasons
}

fn rank(scored: &Scored, factors: Vec<FactorScore>, opinion: &Opinion) -> Ranked {
    let correction = opinion.of(&scored.candidate.id, scored.base);
    let score = scored.rank().clamp(0.0, 1.0);
    let learned = Learned {
        contribution: score - scored.base,
        outcomes: correction.outcomes,
        cap: correction.cap,
        surprise: correction.surprise,
        base: scored.base,
    };
    Ranked {
        id: scored.candidate.id.clone(),
        run_name: scored.run_name.clone(),
        score,
        reasons: reasons(&factors, &learned),
        factors,
        learned,
    }
}
