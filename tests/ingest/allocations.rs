//! What an event allocates in each part of its way. Allocations are counted and not timed, so that
//! the numbers are the same on every machine: of one thread, of the same lines. Each bound is a
//! fifth above what is needed today; who needs less lowers it.

use std::collections::HashMap;
use std::sync::Arc;

use allocation_counter::{AllocationInfo, measure};
use jiff::tz::TimeZone;
use serde_json::json;

use crate::harness::Run;
use agentpulse_core::bucket::{DAY_MS, Day};
use agentpulse_core::change::Change;
use agentpulse_core::event::Event;
use agentpulse_core::execution::{Catalog, Execution, Fact};
use agentpulse_core::names::{NameKind, NameLimits, Names};
use agentpulse_core::zone::Zone;
use agentpulse_live::{Keyspace, Writes};
use agentpulse_sources::{Clock, LineKey, decode};

const EXECUTIONS: i64 = 512;
const EVENTS: u64 = 2 * EXECUTIONS as u64;
/// 2026-11-20, midday.
const NOW_MS: i64 = 1_795_176_000_000;
const IDLE_MS: i64 = 300_000;

/// At most, of one event.
struct Bound {
    allocations: u64,
    bytes: u64,
}

/// Today 19 of 3,825 bytes.
const DECODE: Bound = Bound {
    allocations: 23,
    bytes: 4_600,
};
/// Today 5 of 566 bytes.
const MERGE: Bound = Bound {
    allocations: 6,
    bytes: 680,
};
/// Today 24 of 3,339 bytes.
const APPLY: Bound = Bound {
    allocations: 29,
    bytes: 4_000,
};

/// In words, if it is more.
fn excess(what: &str, took: &AllocationInfo, bound: &Bound) -> Option<String> {
    let (allocations, bytes) = (took.count_total / EVENTS, took.bytes_total / EVENTS);
    assert!(allocations > 0, "{what} is counted");
    let is_more = allocations > bound.allocations || bytes > bound.bytes;
    let Bound {
        allocations: most,
        bytes: most_bytes,
    } = bound;
    is_more.then(|| {
        format!(
            "to {what} takes {allocations} allocations of {bytes} bytes in all, and not {most} \
             of {most_bytes}"
        )
    })
}

/// The starts and the stops of twenty agents, as a client with much to say sends them.
fn lines() -> Vec<String> {
    let of_one =
        |n: i64| {
            let run = Run::new(format!("a{n:016x}"))
            .agent(format!("agent-{}", n % 20))
            .of_type(["analyzer", "reviewer", "tester"][n as usize % 3])
            .with("session_id", format!("session-{}", n % 32))
            .with("parent_agent_id", format!("session-{}", n % 32))
            .began(NOW_MS - 60_000 - n)
            .ended(NOW_MS - n)
            .took(60_000)
            .status("success")
            .called(json!({"Read": 5, "Write": 2, "Bash": n % 7}))
            .stops_with("model", "claude-sonnet-4-5")
            .stops_with(
                "token_usage",
                json!({"input_tokens": 1500 + n, "output_tokens": 2300, "total_tokens": 3800 + n}),
            )
            .stops_with("output_metrics", json!({"files_created": 2, "lines_added": 150}));
            [run.start().to_string(), run.stop().to_string()]
        };
    (0..EXECUTIONS).flat_map(of_one).collect()
}

fn clock() -> Clock {
    Clock {
        now_ms: NOW_MS,
        keep_ms: 90 * DAY_MS,
        zone: TimeZone::UTC,
    }
}

fn decoded(line: &str) -> (String, Fact) {
    match decode(line.as_bytes(), &clock(), LineKey::default()) {
        Ok(Event::Fact { id, fact }) => (id, fact),
        other => panic!("{other:?}"),
    }
}

/// As the writer makes it of an event that is no duplicate.
fn merged(before: Option<Arc<Execution>>, id: String, fact: Fact, catalog: &Catalog) -> Change {
    let mut after = match &before {
        Some(before) => Execution::clone(before),
        None => Execution::new(id),
    };
    assert!(after.accepts(&fact), "{after:?} is asked to be {fact:?}");
    after.merge(fact, catalog);
    Change::between(before, Arc::new(after), 1, NOW_MS)
}

fn all_names(changes: &[Arc<Change>]) -> Names {
    let limits = NameLimits {
        agents: 1_000,
        types: 64,
        tools: 512,
    };
    let mut names = Names::new(limits, Zone::utc(), Day::utc_of(NOW_MS));
    for added in changes.iter().filter_map(|change| change.added()) {
        let day = added.day(&Zone::utc());
        names.track(NameKind::Agent, day, added.agent_name);
        names.track(NameKind::Type, day, added.agent_type);
        for (tool, _) in &added.tools {
            names.track(NameKind::Tool, day, tool);
        }
    }
    names
}

#[test]
fn an_event_allocates_little_in_each_part_of_its_way() {
    let lines = lines();
    let clock = clock();
    let decode = measure(|| {
        for line in &lines {
            let event = decode(line.as_bytes(), &clock, LineKey::default());
            drop(std::hint::black_box(event));
        }
    });

    let (mut merge, mut changes) = (AllocationInfo::default(), Vec::new());
    let catalog = Catalog::default();
    let mut known: HashMap<String, Arc<Execution>> = HashMap::new();
    for line in &lines {
        let (id, fact) = decoded(line);
        let before = known.get(&id).cloned();
        let mut change = None;
        merge += measure(|| change = Some(merged(before, id, fact, &catalog)));
        let change = change.expect("it was merged");
        known.insert(change.id().to_owned(), Arc::clone(&change.after));
        changes.push(Arc::new(change));
    }

    let (names, keys) = (all_names(&changes), Keyspace::new("", Zone::utc()));
    let apply = measure(|| {
        let writes = Writes::of(&changes, &names, &keys, IDLE_MS, NOW_MS);
        drop(std::hint::black_box(writes));
    });

    let more: Vec<String> = [
        excess("decode a line", &decode, &DECODE),
        excess("merge it into its execution", &merge, &MERGE),
        excess("make the writes of a batch", &apply, &APPLY),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(more.is_empty(), "{more:#?}");
}
