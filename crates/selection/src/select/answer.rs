//! What a selection answers.

use std::sync::Arc;

use crate::weights::Factor;

#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The run name of the agent that should take the task; `None` if nobody fits.
    pub recommendation: Option<Arc<str>>,
    /// How probable it is that the recommended one is the best of those that fit, if each score is
    /// as uncertain as its outcomes are few.
    pub confidence: Option<f64>,
    /// The best first, at most as many as were asked for. A recommended one that was drawn stands
    /// at its own rank.
    pub agents: Vec<Ranked>,
    /// Agents with words of the task that cannot take it, the best fitting first.
    pub rejected: Vec<Rejected>,
    /// What was missing, if nobody is recommended.
    pub reasons: Vec<String>,
    /// `None` unless the recommended one was drawn.
    pub explored: Option<Explored>,
    /// The id of the recommended one, and of the one that would have been without what was learned
    /// and without a draw; `None` if nobody fits.
    pub chosen: Option<Arc<str>>,
    pub unlearned: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    pub id: Arc<str>,
    pub run_name: Arc<str>,
    /// 0..1: the sum of the contributions of its factors and of what was learned.
    pub score: f64,
    pub factors: Vec<FactorScore>,
    pub learned: Learned,
    pub reasons: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FactorScore {
    pub factor: Factor,
    /// `None` if it is unknown of this agent.
    pub value: Option<f64>,
    /// 0 if it is switched off, or the request gives nothing to judge by. Else, where the value is
    /// unknown, the contribution is that of a middling one.
    pub weight: f64,
    pub contribution: f64,
    pub evidence: Evidence,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// What each word adds to the value.
    Words(Vec<(String, f64)>),
    /// The phases of the agent, with their shares.
    Phases(Vec<(String, f64)>),
    Runs {
        succeeded: u64,
        finished: u64,
    },
    /// Tasks like this one, and what they count together.
    Tasks {
        tasks: usize,
        weight: f64,
    },
    Running {
        running: u32,
        limit: Option<u32>,
    },
    Preference {
        pinned: Option<bool>,
        ratings: u32,
        shown: u32,
        chosen: u32,
    },
    /// In millionths of a dollar, or in ms.
    Mean(u64),
    /// Why it is unknown.
    Missing(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Learned {
    pub contribution: f64,
    /// How many outcomes of this agent and the one that asks were near enough.
    pub outcomes: usize,
    /// The most that the contribution may be, by what the learning has earned.
    pub cap: f64,
    /// What it would have been without the cap. It is given back with the outcome, to see whether
    /// it would have foretold it.
    pub surprise: f64,
    /// The score without it, also given back.
    pub base: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    pub run_name: Arc<str>,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Explored {
    pub seed: u64,
    /// The probability with which the recommended one was drawn.
    pub propensity: f64,
}
