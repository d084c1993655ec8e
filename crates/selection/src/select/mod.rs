//! Which agents should take a task: factors, weights, what was learned, and whether anybody fits.

mod answer;
mod best;
mod explain;
#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;
use std::sync::Arc;

use agentpulse_core::error::Rejection;

use crate::experience::Experience;
use crate::explore::{chances, draw, propensities};
use crate::index::{Index, Matches};
use crate::learning::{Learner, Opinion};
use crate::phase::Phases;
use crate::query::Query;
use crate::request::{Optimize, Request};
use crate::roster::{Listed, Roster};
use crate::weights::{FACTORS, Factor, Weights};
use crate::words::Words;
use best::Best;
use explain::{Sources, reasons};
use values::{Scored, Shared, Values, mean, proven};

pub use answer::{Evidence, Explored, FactorScore, Learned, Ranked, Rejected, Selection};

/// How much of a task the words of an agent cover that fits it: the least with which no more than
/// 5 % of tasks that are none of the agents' were answered. `tests/retrieval.rs` prints the curve.
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
    /// An agent whose words cover less of a task does not fit it, unless it is proven.
    pub min_fit: f64,
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

    /// Of a query of this request, and the matches of this query and a roster of this index.
    pub fn select(
        &self,
        known: &Knowledge,
        request: &Request,
        query: &Query,
        matches: &Matches,
        roster: &Roster,
    ) -> Selection {
        let terms: Vec<&str> = query.terms.iter().map(|term| term.term.as_str()).collect();
        let near = known.experience.near(&terms);
        let opinion = known
            .learned
            .map_or_else(Opinion::default, |(learner, asker)| {
                learner.opinion(asker, &terms)
            });
        let values = matches.by_slot(known.index);
        let (able, rejected) = eligible(known.index, request, &values, roster);
        let shared = Shared {
            phase: query.phase,
            is_phase_given: request.context.phase.is_some(),
            has_words: matches.is_known,
            means: &means(&able, request.optimize),
            optimize: request.optimize,
            expected_success: known.expected(),
        };
        let weights = weights(request, &shared);
        let mut best = Best::of(request.limit.max(MAX_PLAUSIBLE));
        for &Able { place, listed } in &able {
            let indexed = known.index.at(listed.slot);
            let candidate = &listed.candidate;
            let near = near.get(&candidate.id);
            let value = f64::from(values[listed.slot]);
            let values = Values::of(candidate, value, &indexed.phases, near, &shared);
            let base = sum(&values, &weights, &shared);
            best.add(Scored {
                candidate,
                slot: listed.slot,
                place,
                run_name: &indexed.document.run_name,
                values,
                proven: proven(near),
                base,
                learned: opinion.of(&candidate.id, base).value,
                fits: false,
            });
        }
        let mut scored = best.first();
        for one in &mut scored {
            one.fits = fits(one, known, query, &request.weights);
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
            chosen: choice
                .as_ref()
                .map(|choice| scored[choice.place].candidate.id.clone()),
            unlearned: choice.as_ref().and_then(|_| unlearned(&scored)),
            explored: choice.and_then(|choice| choice.explored),
            rejected,
        }
    }
}

/// One that can take the task, with its place in the roster.
struct Able<'a> {
    place: usize,
    listed: &'a Listed,
}

/// Those that can take the task, and those that cannot.
fn eligible<'a>(
    index: &Index,
    request: &Request,
    values: &[f32],
    roster: &'a Roster,
) -> (Vec<Able<'a>>, Vec<Rejected>) {
    let all = roster.listed();
    let mut able = Vec::with_capacity(all.len());
    let mut unable: Vec<(usize, &Listed)> = Vec::new();
    for (place, listed) in all.iter().enumerate() {
        match why_not(index, request, listed) {
            None => able.push(Able { place, listed }),
            Some(_) if values[listed.slot] > 0.0 => unable.push((place, listed)),
            Some(_) => {}
        }
    }
    let by_fit = |(place, a): &(usize, &Listed), (other, b): &(usize, &Listed)| {
        let by_value = values[b.slot].total_cmp(&values[a.slot]);
        by_value.then_with(|| place.cmp(other))
    };
    unable.sort_unstable_by(by_fit);
    let rejected = unable
        .into_iter()
        .take(MAX_REJECTED)
        .filter_map(|(_, one)| {
            Some(Rejected {
                run_name: index.at(one.slot).document.run_name.clone(),
                reason: why_not(index, request, one)?.into_owned(),
            })
        });
    (able, rejected.collect())
}

fn why_not<'a>(index: &Index, request: &Request, listed: &'a Listed) -> Option<Cow<'a, str>> {
    if let Some(reason) = &listed.candidate.ineligible {
        return Some(Cow::Borrowed(reason));
    }
    if request.exclude.is_empty() && request.require_tools.is_empty() {
        return None;
    }
    let document = &index.at(listed.slot).document;
    let is_its = |name: &String| **name == *document.run_name;
    if request.exclude.iter().any(is_its) {
        return Some(Cow::Borrowed("it is excluded"));
    }
    let lacks = |tool: &&String| !document.has_tool(tool);
    let lacking = request.require_tools.iter().find(lacks)?;
    Some(Cow::Owned(format!("it has no tool {lacking}")))
}

/// Of those that have one, rising.
fn means(able: &[Able], optimize: Optimize) -> Vec<u64> {
    let means = able
        .iter()
        .filter_map(|one| mean(&one.listed.candidate, optimize));
    let mut means: Vec<u64> = means.collect();
    means.sort_unstable();
    means
}

/// Of the factors that the request gives anything to judge by. Whether a candidate has a record
/// changes no weight: with the weights that of all others would change, beside what was learned of
/// them.
fn weights(request: &Request, shared: &Shared) -> [f64; FACTORS] {
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
    weights.among(counts)
}

/// The score without what was learned.
fn sum(values: &Values, weights: &[f64; FACTORS], shared: &Shared) -> f64 {
    let counted = Factor::ALL.into_iter().zip(weights);
    let counted = counted.filter(|(_, weight)| **weight > 0.0);
    let shares =
        counted.map(|(factor, weight)| weight * values.or_assumed(factor, shared.expected_success));
    // Weights that add up to 1 may do so a little above it.
    shares.sum::<f64>().min(1.0)
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

/// The first that fits, by scores alone.
fn unlearned(scored: &[Scored]) -> Option<Arc<str>> {
    let fitting = scored.iter().filter(|one| one.fits);
    let by_score = |a: &&Scored, b: &&Scored| {
        let by_base = b.base.total_cmp(&a.base);
        by_base.then_with(|| a.place.cmp(&b.place))
    };
    Some(fitting.min_by(by_score)?.candidate.id.clone())
}

/// Whether an agent has to do with the task. If neither of the factors that say so is asked for,
/// all have.
fn fits(scored: &Scored, known: &Knowledge, query: &Query, weights: &Weights) -> bool {
    let counts = |factor: Factor| weights.get(factor) > 0.0;
    let (words, expertise) = (
        counts(Factor::KeywordMatch),
        counts(Factor::DomainExpertise),
    );
    let is_proven = expertise && scored.proven >= MIN_PROVEN;
    let fit = || known.index.fit(&query.terms, scored.slot);
    is_proven || words && fit() >= known.min_fit || !(words || expertise)
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
