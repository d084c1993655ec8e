//! Executions that start, stop, time out and revive in any order, by a seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::now_ms;
use agentpulse_core::bucket::{DAY_MS, HOUR_MS};
use agentpulse_core::change::Change;
use agentpulse_core::execution::{
    Catalog, Execution, Fact, Origin, Start, Status, Stop, TokenUsage,
};

pub(super) struct Journey {
    random: u64,
    pub(super) executions: BTreeMap<String, Arc<Execution>>,
    /// Ids in the order of their last change.
    pub(super) order: Vec<String>,
    /// When the last change of each was accepted.
    pub(super) accepted_ms: BTreeMap<String, i64>,
    catalog: Catalog,
    seq: u64,
    now_ms: i64,
    /// Milliseconds from one change to the next.
    pub(super) step_ms: i64,
    pub(super) ids: u64,
    /// How far back stops end.
    pub(super) ends_within_ms: i64,
}

impl Journey {
    pub(super) fn new(seed: u64) -> Journey {
        Journey {
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            executions: BTreeMap::new(),
            order: Vec::new(),
            accepted_ms: BTreeMap::new(),
            catalog: Catalog::default(),
            seq: 0,
            now_ms: now_ms() - 60_000,
            step_ms: 7,
            ids: 300,
            ends_within_ms: 3 * HOUR_MS,
        }
    }

    pub(super) fn changes(&mut self, count: usize) -> Vec<Arc<Change>> {
        let mut changes = Vec::new();
        while changes.len() < count {
            let id = format!("run-{}", self.below(self.ids));
            let fact = match self.below(8) {
                0..=2 => Fact::Start(Box::new(self.start())),
                3..=5 => Fact::Stop(Box::new(self.stop())),
                6 => Fact::TimedOut {
                    ended_ms: self.now_ms - self.below(2 * DAY_MS as u64) as i64,
                },
                _ => Fact::Alive,
            };
            changes.extend(self.happen(&id, fact));
        }
        changes
    }

    /// The change, if the fact is one.
    pub(super) fn happen(&mut self, id: &str, fact: Fact) -> Option<Arc<Change>> {
        let before = self.executions.get(id).cloned();
        let mut after = before
            .as_deref()
            .cloned()
            .unwrap_or_else(|| Execution::new(id.to_owned()));
        if !after.accepts(&fact) {
            return None;
        }
        after.merge(fact, &self.catalog);
        self.seq += 1;
        self.now_ms += self.step_ms;
        let after = Arc::new(after);
        self.executions.insert(id.to_owned(), Arc::clone(&after));
        self.order.retain(|other| other != id);
        self.order.push(id.to_owned());
        self.accepted_ms.insert(id.to_owned(), self.now_ms);
        let change = Change::between(before, after, self.seq, self.now_ms);
        Some(Arc::new(change))
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn start(&mut self) -> Start {
        Start {
            agent_name: format!("agent-{}", self.below(6)),
            agent_type: Some(format!("type-{}", self.below(3))),
            started_ms: self.now_ms - self.below(2 * DAY_MS as u64) as i64,
            task_description: Some("a task | with \"quotes\"".to_owned()),
            tools_granted: Vec::new(),
            context_size: None,
            origin: Origin::default(),
        }
    }

    fn stop(&mut self) -> Stop {
        let tools = (0..self.below(4))
            .map(|_| self.below(6))
            .collect::<Vec<_>>();
        let status = [Status::Success, Status::Failure, Status::Timeout][self.below(3) as usize];
        let failed = status != Status::Success;
        Stop {
            agent_name: (self.below(2) == 0).then(|| format!("agent-{}", self.below(6))),
            agent_type: (self.below(2) == 0).then(|| format!("type-{}", self.below(3))),
            started_ms: None,
            ended_ms: self.now_ms - self.below(self.ends_within_ms as u64) as i64,
            duration_ms: (self.below(3) > 0).then(|| self.below(100_000)),
            status,
            error_details: failed.then(|| [("type".to_owned(), json!("e"))].into_iter().collect()),
            tools_used: Vec::new(),
            tool_calls: tools
                .into_iter()
                .map(|tool| (format!("Tool{tool}"), 1 + tool))
                .collect(),
            token_usage: Some(TokenUsage {
                input_tokens: self.below(10_000),
                output_tokens: 5,
                total_tokens: 6,
                cost_micros: Some(self.below(1_000_000) as i64),
                ..TokenUsage::default()
            }),
            performance_metrics: None,
            task_metadata: None,
            output_metrics: None,
            origin: Origin::default(),
        }
    }

    /// xorshift64.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % bound
    }
}
