//! The events of a sample day, at each stage of their way.

use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use agentpulse_core::bucket::{DAY_MS, Day};
use agentpulse_core::change::Change;
use agentpulse_core::event::Event;
use agentpulse_core::execution::{Catalog, Execution, Fact};
use agentpulse_core::names::{NameKind, NameLimits, Names};
use agentpulse_core::zone::Zone;
use agentpulse_sources::{Clock, LineKey, decode};

/// In about 10,000 events.
const EXECUTIONS: &str = "5000";

pub struct Events {
    pub clock: Clock,
    catalog: Catalog,
    /// Starts and stops, in their order.
    pub lines: Vec<String>,
    pub facts: Vec<Said>,
    pub changes: Vec<Arc<Change>>,
    pub names: Names,
}

/// What an event says, and the execution as it was before.
#[derive(Clone)]
pub struct Said {
    id: String,
    fact: Fact,
    before: Option<Arc<Execution>>,
}

impl Events {
    /// Made once.
    pub fn known() -> &'static Events {
        static EVENTS: OnceLock<Events> = OnceLock::new();
        EVENTS.get_or_init(Events::make)
    }

    fn make() -> Events {
        let clock = Clock {
            now_ms: Timestamp::now().as_millisecond(),
            keep_ms: 90 * DAY_MS,
            zone: TimeZone::UTC,
        };
        let limits = NameLimits {
            agents: 1_000,
            types: 64,
            tools: 512,
        };
        let mut events = Events {
            names: Names::new(limits, Zone::utc(), Day::utc_of(clock.now_ms)),
            clock,
            catalog: Catalog::default(),
            lines: sample_lines(),
            facts: Vec::new(),
            changes: Vec::new(),
        };
        events.decide();
        events
    }

    fn decide(&mut self) {
        let mut known: HashMap<String, Arc<Execution>> = HashMap::new();
        for (seq, line) in (1..).zip(&self.lines) {
            let event = decode(line.as_bytes(), &self.clock, LineKey::default());
            let Ok(Event::Fact { id, fact }) = event else {
                panic!("neither a start nor a stop: {line}");
            };
            let before = known.get(&id).cloned();
            let said = Said { id, fact, before };
            self.facts.push(said.clone());
            let change = self.merged(said, seq).expect("an event of its own");
            known.insert(change.id().to_owned(), Arc::clone(&change.after));
            if let Some(added) = change.added() {
                let day = added.day(self.names.zone());
                self.names.track(NameKind::Agent, day, added.agent_name);
                self.names.track(NameKind::Type, day, added.agent_type);
                for (tool, _) in &added.tools {
                    self.names.track(NameKind::Tool, day, tool);
                }
            }
            self.changes.push(Arc::new(change));
        }
    }

    /// The change, if the event is no duplicate.
    pub fn merged(&self, said: Said, seq: u64) -> Option<Change> {
        let Said { id, fact, before } = said;
        let mut after = match &before {
            Some(before) => Execution::clone(before),
            None => Execution::new(id),
        };
        if !after.accepts(&fact) {
            return None;
        }
        after.merge(fact, &self.catalog);
        Some(Change::between(
            before,
            Arc::new(after),
            seq,
            self.clock.now_ms,
        ))
    }
}

/// As `agentpulse demo` sends them.
fn sample_lines() -> Vec<String> {
    let demo = Command::new(env!("CARGO_BIN_EXE_agentpulse"))
        .args(["demo", "--print", "--executions", EXECUTIONS])
        .output()
        .expect("the program runs");
    assert!(demo.status.success(), "{demo:?}");
    let text = String::from_utf8(demo.stdout).expect("UTF-8");
    let is_fact = |line: &&str| !line.contains("\"event\":\"progress\"");
    text.lines().filter(is_fact).map(str::to_owned).collect()
}
