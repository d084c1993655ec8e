//! What a selection answers, in JSON.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use agentpulse_core::tally::dollars;
use agentpulse_selection::query::Query;
use agentpulse_selection::request::Optimize;
use agentpulse_selection::select::{self as chosen, Selection};
use agentpulse_selection::weights::Factor;

use super::record::DAYS;

/// Whose it is, beside what was found.
pub(super) struct Of<'a> {
    pub seq: u64,
    pub epoch: &'a str,
    pub cached: bool,
    pub query: &'a Query,
    pub phases: BTreeMap<String, f64>,
    pub optimize: Optimize,
    /// Whether several definitions have a name, so that its executions are nobody's.
    pub is_shared: &'a dyn Fn(&str) -> bool,
    /// By id.
    pub is_of_library: &'a dyn Fn(&str) -> bool,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Selection")]
pub struct Selected {
    /// By which its asker may say how it ended; null if it is not kept.
    pub selection_id: Option<String>,
    /// Of the definitions that were searched.
    pub seq: u64,
    /// Another one in each life of the daemon.
    pub epoch: String,
    /// Whether the words of the task had been searched before.
    pub cached: bool,
    /// The name of the agent that should take the task; null if nobody fits.
    pub recommendation: Option<String>,
    /// Of its definition.
    pub recommended_id: Option<String>,
    /// How probable it is that it is the best of those that fit; 0 to 1.
    pub confidence: Option<f64>,
    pub query: Asked,
    /// By their scores; recommended is the first that fits.
    pub agents: Vec<Ranked>,
    /// Agents with words of the task that cannot take it, the best fitting first.
    pub rejected: Vec<Rejected>,
    /// What was missing, if nobody is recommended.
    pub reasons: Vec<String>,
    /// The recommended one was drawn among those that are about as good.
    pub explored: bool,
}

/// How the task was read.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SelectionQuery")]
pub struct Asked {
    pub terms: Vec<String>,
    /// Words that no definition has.
    pub unknown_terms: Vec<String>,
    /// Shares of phases; empty if nothing names one.
    pub phase: BTreeMap<String, f64>,
    pub file_types: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SelectedAgent")]
pub struct Ranked {
    pub name: String,
    /// Of its definition.
    pub agent_id: String,
    /// As a prompt names it; null for one of the library.
    pub mention: Option<String>,
    pub launch: Launch,
    /// 0 to 1: the sum of the contributions, with what was learned.
    pub score: f64,
    pub factors: BTreeMap<String, FactorScore>,
    pub learned: Learned,
    pub reasons: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SelectionLaunch")]
pub enum Launch {
    /// A client has it, and launches it by its name.
    Client,
    /// Its prompt is handed to a general-purpose agent: it is the `body` of
    /// `GET /registry/agents/{agent_id}?body=true`.
    Library,
}

/// What the outcomes of the one that asks add.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SelectionLearned")]
pub struct Learned {
    /// At most 0.25 up or down.
    pub contribution: f64,
    /// Of tasks like this one.
    pub outcomes: usize,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SelectionFactor")]
pub struct FactorScore {
    /// 0 to 1; null if it is unknown of this agent.
    pub value: Option<f64>,
    /// All weights add up to 1. 0 if it is switched off, or if the request has nothing to judge by.
    pub weight: f64,
    /// Where the value is unknown, that of a middling one.
    pub contribution: f64,
    pub evidence: Evidence,
}

/// What a value was made of.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "SelectionEvidence")]
pub enum Evidence {
    /// Why it is unknown.
    Missing(String),
    Runs {
        success: u64,
        finished: u64,
        days: i32,
    },
    /// Past tasks like this one, and what they count together.
    Tasks {
        tasks: usize,
        weight: f64,
    },
    Running {
        running: u32,
    },
    /// What was said of it.
    Preference {
        ratings: u32,
        shown: u32,
        chosen: u32,
    },
    /// In dollars, of a run.
    Cost {
        mean_cost: f64,
    },
    Time {
        mean_duration_ms: u64,
    },
    /// By word, what it adds to the value; by phase, its share of the agent.
    Shares(BTreeMap<String, f64>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RejectedAgent")]
pub struct Rejected {
    pub name: String,
    pub reason: String,
}

impl Selected {
    pub(super) fn new(of: &Of, found: Selection) -> Selected {
        let unknown_terms = of.query.unknown_terms().map(str::to_owned);
        let terms = of.query.terms.iter().map(|term| term.word.clone());
        let ranked = found.agents.into_iter().map(|one| Ranked::new(of, one));
        let rejected = found.rejected.into_iter().map(|one| Rejected {
            name: one.run_name.to_string(),
            reason: one.reason,
        });
        Selected {
            selection_id: None,
            seq: of.seq,
            epoch: of.epoch.to_owned(),
            cached: of.cached,
            recommendation: found.recommendation.map(|name| name.to_string()),
            recommended_id: found.chosen.map(|id| id.to_string()),
            confidence: found.confidence,
            query: Asked {
                terms: terms.collect(),
                unknown_terms: unknown_terms.collect(),
                phase: of.phases.clone(),
                file_types: of.query.file_types.clone(),
            },
            agents: ranked.collect(),
            rejected: rejected.collect(),
            reasons: found.reasons,
            explored: found.explored.is_some(),
        }
    }
}

impl Ranked {
    fn new(of: &Of, one: chosen::Ranked) -> Ranked {
        let is_shared = (of.is_shared)(&one.run_name);
        let factor = |score: chosen::FactorScore| {
            let evidence = Evidence::new(of, score.factor, score.evidence, is_shared);
            let scored = FactorScore {
                value: score.value,
                weight: score.weight,
                contribution: score.contribution,
                evidence,
            };
            (score.factor.name().to_owned(), scored)
        };
        let launch = match (of.is_of_library)(&one.id) {
            true => Launch::Library,
            false => Launch::Client,
        };
        Ranked {
            mention: (launch == Launch::Client).then(|| format!("@agent-{}", one.run_name)),
            launch,
            name: one.run_name.to_string(),
            agent_id: one.id.to_string(),
            score: one.score,
            factors: one.factors.into_iter().map(factor).collect(),
            learned: Learned {
                contribution: one.learned.contribution,
                outcomes: one.learned.outcomes,
            },
            reasons: one.reasons,
        }
    }
}

impl Evidence {
    fn new(of: &Of, factor: Factor, found: chosen::Evidence, is_shared: bool) -> Evidence {
        let is_of_runs = matches!(
            factor,
            Factor::RecentSuccess | Factor::DomainExpertise | Factor::Economy
        );
        match found {
            chosen::Evidence::Missing(_) if is_shared && is_of_runs => {
                Evidence::Missing("several definitions have its name".to_owned())
            }
            chosen::Evidence::Missing(why) => Evidence::Missing(why.to_owned()),
            chosen::Evidence::Words(shares) | chosen::Evidence::Phases(shares) => {
                Evidence::Shares(shares.into_iter().collect())
            }
            chosen::Evidence::Runs {
                succeeded,
                finished,
            } => Evidence::Runs {
                success: succeeded,
                finished,
                days: DAYS,
            },
            chosen::Evidence::Tasks { tasks, weight } => Evidence::Tasks { tasks, weight },
            chosen::Evidence::Running { running, .. } => Evidence::Running { running },
            chosen::Evidence::Mean(mean) => match of.optimize {
                Optimize::Speed => Evidence::Time {
                    mean_duration_ms: mean,
                },
                Optimize::Quality | Optimize::Cost => Evidence::Cost {
                    mean_cost: dollars(i64::try_from(mean).unwrap_or(i64::MAX)),
                },
            },
            chosen::Evidence::Preference {
                ratings,
                shown,
                chosen,
                ..
            } => Evidence::Preference {
                ratings,
                shown,
                chosen,
            },
        }
    }
}
