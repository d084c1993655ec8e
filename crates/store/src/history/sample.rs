//! Executions for the tests of this folder: what the writer would do, without a journal.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use agentpulse_core::bucket::{Day, HOUR_MS};
use agentpulse_core::change::Change;
use agentpulse_core::cursor::Cursor;
use agentpulse_core::dimension::Dimension;
use agentpulse_core::execution::{
    Catalog, Execution, Fact, HookFacts, Origin, Start, Status, Stop, TokenUsage,
};
use agentpulse_core::lifetime::LifetimeCounters;
use agentpulse_core::names::{NameKind, NameLimits, Names};
use agentpulse_core::zone::Zone;

use agentpulse_core::bucket::Hour;
use agentpulse_core::view::{AgentDay, HourTally, ToolPair, TypeTool};

use super::{History, Reader};

/// 2026-11-20T18:00Z.
pub const NOW_MS: i64 = TODAY.0 as i64 * 24 * HOUR_MS + 18 * HOUR_MS;
pub const TODAY: Day = Day(20_777);

/// By which costs are asked, beside the days and the kind, of which the sample has one.
pub const NAMED: [Dimension; 6] = [
    Dimension::Agent,
    Dimension::Model,
    Dimension::Session,
    Dimension::Project,
    Dimension::Branch,
    Dimension::Host,
];

/// All rows, of as few names as tests have.
impl Reader {
    pub fn hours(&self, from: Hour, to: Hour) -> Vec<HourTally> {
        let mut rows = Vec::new();
        self.each_hour(from, to, |row| rows.push(row)).unwrap();
        rows
    }

    pub fn all_agent_days(&self, from: Day, to: Day) -> Vec<AgentDay> {
        let mut rows = Vec::new();
        self.each_agent_day(from, to, |row| rows.push(row)).unwrap();
        rows
    }

    pub fn type_tool_sums(&self, from: Day, to: Day) -> Vec<(TypeTool, i64)> {
        let mut rows = Vec::new();
        let push = |row, executions| rows.push((row, executions));
        self.each_type_tool(from, to, push).unwrap();
        rows
    }

    pub fn pairs(&self, from: Day, to: Day) -> Vec<ToolPair> {
        let mut rows = Vec::new();
        self.each_pair(from, to, |row| rows.push(row)).unwrap();
        rows
    }
}

pub struct World {
    _dir: TempDir,
    pub path: PathBuf,
    pub history: History,
    pub executions: BTreeMap<String, (u64, Arc<Execution>)>,
    pub pending: Vec<Arc<Change>>,
    catalog: Catalog,
    seq: u64,
    /// When what is recorded is accepted.
    pub accepted_ms: i64,
}

impl World {
    pub fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.db");
        World {
            _dir: dir,
            history: History::open(&path).unwrap(),
            path,
            executions: BTreeMap::new(),
            pending: Vec::new(),
            catalog: Catalog::default(),
            seq: 0,
            accepted_ms: NOW_MS,
        }
    }

    /// Some hundred executions of every kind.
    pub fn any() -> World {
        let (mut world, mut random) = (World::new(), Random(3));
        for _ in 0..10 {
            for _ in 0..100 {
                let id = format!("run-{}", random.below(500));
                world.record(&id, random.fact());
            }
            world.flush();
        }
        world
    }

    pub fn reader(&self) -> Reader {
        Reader::open(&self.path).unwrap()
    }

    pub fn record(&mut self, id: &str, fact: Fact) {
        let before = self.executions.get(id).map(|(_, before)| before.clone());
        let mut after = match &before {
            Some(before) => Execution::clone(before),
            None => Execution::new(id.to_owned()),
        };
        if !after.accepts(&fact) {
            return;
        }
        after.merge(fact, &self.catalog);
        self.change(before, after);
    }

    /// One that is as it is.
    pub fn put(&mut self, execution: Arc<Execution>) {
        self.change(None, Execution::clone(&execution));
    }

    /// What hooks say of one that is known.
    pub fn describe(&mut self, id: &str, hooked: HookFacts) {
        let before = self.executions[id].1.clone();
        let mut after = Execution::clone(&before);
        after.hooked = Some(Box::new(hooked));
        self.change(Some(before), after);
    }

    /// What hooks reported of it belongs to another execution.
    pub fn detach_turn(&mut self, id: &str) {
        let before = self.executions.get(id).map(|(_, before)| before.clone());
        self.change(before, Execution::new(id.to_owned()));
    }

    fn change(&mut self, before: Option<Arc<Execution>>, after: Execution) {
        self.seq += 1;
        let (id, after) = (after.id.clone(), Arc::new(after));
        self.executions.insert(id, (self.seq, after.clone()));
        let change = Change::between(before, after, self.seq, self.accepted_ms);
        self.pending.push(Arc::new(change));
    }

    pub fn flush(&mut self) {
        let cursor = Cursor::new("epoch", self.seq);
        let pending = std::mem::take(&mut self.pending);
        let totals = self.totals(&pending);
        self.history.flush(&pending, &totals, &cursor).unwrap();
    }

    /// Every name has a place.
    pub fn totals<'a>(&self, changes: &'a [Arc<Change>]) -> LifetimeCounters<'a> {
        let limits = NameLimits {
            agents: usize::MAX,
            types: usize::MAX,
            tools: usize::MAX,
        };
        let mut names = Names::new(limits, Zone::utc(), TODAY);
        for change in changes {
            for (_, contribution) in change.moves() {
                let day = contribution.day(names.zone());
                names.track(NameKind::Type, day, contribution.agent_type);
                for (tool, _) in contribution.tools {
                    names.track(NameKind::Tool, day, tool);
                }
            }
        }
        LifetimeCounters::of(changes.iter().map(Arc::as_ref), &names)
    }

    /// Those that ended, with their last change, newest end first.
    pub fn ended(&self) -> Vec<(u64, Arc<Execution>)> {
        let of = |execution: &Execution| execution.outcome().map(|outcome| outcome.ended_ms);
        let mut ended: Vec<_> = self
            .executions
            .values()
            .filter(|(_, execution)| of(execution).is_some())
            .cloned()
            .collect();
        ended.sort_by_key(|(_, execution)| std::cmp::Reverse(of(execution)));
        ended
    }
}

pub fn start(agent_name: &str, started_ms: i64) -> Fact {
    Fact::Start(Box::new(Start {
        agent_name: agent_name.to_owned(),
        agent_type: None,
        started_ms,
        task_description: None,
        tools_granted: Vec::new(),
        context_size: None,
        origin: Origin::default(),
    }))
}

pub fn stop(ended_ms: i64, duration_ms: Option<u64>, status: Status) -> Stop {
    Stop {
        agent_name: None,
        agent_type: None,
        started_ms: None,
        ended_ms,
        duration_ms,
        status,
        error_details: None,
        tools_used: Vec::new(),
        tool_calls: BTreeMap::new(),
        token_usage: None,
        performance_metrics: None,
        task_metadata: None,
        output_metrics: None,
        origin: Origin::default(),
    }
}

pub fn stop_of(agent_name: &str, ended_ms: i64, duration_ms: u64, status: Status) -> Fact {
    let agent_name = Some(agent_name.to_owned());
    Fact::Stop(Box::new(Stop {
        agent_name,
        ..stop(ended_ms, Some(duration_ms), status)
    }))
}

/// Numbers that look random and are the same in every run (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn name(&mut self, kind: &str, bound: u64) -> String {
        format!("{kind}-{}", self.below(bound))
    }

    /// Any fact, of the last ten days; agents and types are few, so that they share buckets.
    pub fn fact(&mut self) -> Fact {
        let time_ms = NOW_MS - self.below(10 * 24) as i64 * HOUR_MS - self.below(1_000) as i64;
        match self.below(8) {
            0..3 => start(&self.name("agent", 4), time_ms),
            3 => Fact::TimedOut { ended_ms: time_ms },
            4 => Fact::Alive,
            _ => Fact::Stop(Box::new(self.stop(time_ms))),
        }
    }

    fn stop(&mut self, ended_ms: i64) -> Stop {
        let status = [Status::Success, Status::Failure, Status::Timeout][self.below(3) as usize];
        let duration_ms = (self.below(3) > 0).then(|| self.below(100_000));
        let calls = (0..self.below(4)).map(|_| (self.name("tool", 5), self.below(9)));
        let tool_calls: BTreeMap<_, _> = calls.collect();
        Stop {
            agent_name: (self.below(2) > 0).then(|| self.name("agent", 4)),
            agent_type: (self.below(2) > 0).then(|| self.name("type", 3)),
            tools_used: tool_calls.keys().cloned().collect(),
            tool_calls,
            token_usage: Some(TokenUsage {
                input_tokens: self.below(1_000),
                output_tokens: self.below(1_000),
                total_tokens: self.below(2_000),
                cost_micros: (self.below(2) > 0).then(|| self.below(10_000) as i64),
                ..TokenUsage::default()
            }),
            origin: Origin {
                session_id: (self.below(2) > 0).then(|| self.name("session", 6)),
                model: (self.below(2) > 0).then(|| self.name("model", 3)),
                project: (self.below(2) > 0).then(|| self.name("project", 3)),
                branch: (self.below(2) > 0).then(|| self.name("branch", 3)),
                host: (self.below(2) > 0).then(|| self.name("host", 2)),
                ..Origin::default()
            },
            ..stop(ended_ms, duration_ms, status)
        }
    }
}
