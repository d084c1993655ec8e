//! The events of one execution, and what is known of it when it has ended.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::time::day;

const PAIRED_TOOLS: usize = 12;

/// One event as it was sent, and when.
///
/// A line `{"event":"timeout","agent_id":…,"execution_end":…}` says that the reaper ended a run.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub line: Value,
    pub at_ms: i64,
}

/// The facts that count about one id: the first of each kind.
#[derive(Default)]
pub struct Facts {
    pub start: Option<Arrival>,
    pub stop: Option<Arrival>,
    pub timeout: Option<Arrival>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tokens {
    pub input: i64,
    pub output: i64,
    pub cache_read: i64,
    pub cache_write: i64,
    pub total: i64,
}

/// One execution that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub status: &'static str,
    pub end_ms: i64,
    pub duration_ms: Option<i64>,
    pub tokens: Option<Tokens>,
    /// `None`: not known, or there is nothing to pay for.
    pub cost_micros: Option<i64>,
    pub model: Option<String>,
    pub session: Option<String>,
    pub calls: BTreeMap<String, i64>,
    pub used: BTreeSet<String>,
}

impl Ended {
    pub fn day(&self) -> String {
        day(self.end_ms)
    }

    pub fn unpriced(&self) -> bool {
        let spent = self.tokens.as_ref().is_some_and(|t| {
            [t.input, t.output, t.cache_read, t.cache_write, t.total]
                .iter()
                .any(|n| *n > 0)
        });
        spent && self.cost_micros.is_none()
    }

    /// The most called tools of this execution that it used, calls first, then by name.
    pub fn paired_tools(&self) -> BTreeSet<String> {
        let mut tools: Vec<&String> = self.used.iter().collect();
        tools.sort_by_key(|tool| {
            (
                -self.calls.get(*tool).copied().unwrap_or(0),
                (*tool).clone(),
            )
        });
        tools.into_iter().take(PAIRED_TOOLS).cloned().collect()
    }
}
