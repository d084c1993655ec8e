//! What each part of the way of an event takes by itself, on one thread, and what it allocates:
//! `make bench-parts`. Each calls what the daemon calls; the decision of the writer around a merge is
//! measured by `agentpulse bench`, with everything else.

mod events;

use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use serde_json::Value;
use tikv_jemallocator::Jemalloc;

use agentpulse_core::change::{Change, Net};
use agentpulse_core::cursor::Cursor;
use agentpulse_core::lifetime::LifetimeCounters;
use agentpulse_core::sums::Sums;
use agentpulse_core::zone::Zone;
use agentpulse_live::{Keyspace, Writes};
use agentpulse_redact::redact;
use agentpulse_sources::{LineKey, decode};
use agentpulse_store::history::History;
use agentpulse_store::journal::{Entry, Journal, Prune};

use events::Events;

/// The daemon's own allocator, counted.
#[global_allocator]
static ALLOCATOR: AllocProfiler<Jemalloc> = AllocProfiler::new(Jemalloc);

/// Changes in one script, without and with a backlog, and in one transaction of history.
const SCRIPTS: [usize; 2] = [256, 1_024];
const FLUSH: usize = 8_192;
/// The daemon's default.
const IDLE_MS: i64 = 300_000;

fn main() {
    divan::main();
}

/// What the parts are compared with: the line as a tree, and no more.
#[divan::bench]
fn json_alone(bencher: Bencher) {
    let events = Events::known();
    let lines = ItemsCount::new(events.lines.len());
    bencher.counter(lines).bench_local(|| {
        for line in &events.lines {
            let tree: Value = serde_json::from_str(line).expect("JSON");
            black_box(tree);
        }
    });
}

/// With redaction within.
#[divan::bench]
fn decode_line(bencher: Bencher) {
    let events = Events::known();
    let lines = ItemsCount::new(events.lines.len());
    bencher.counter(lines).bench_local(|| {
        for line in &events.lines {
            let event = decode(line.as_bytes(), &events.clock, LineKey::default());
            black_box(event.expect("an event"));
        }
    });
}

/// All texts of a line.
#[divan::bench]
fn redact_texts(bencher: Bencher) {
    let events = Events::known();
    let lines = ItemsCount::new(events.lines.len());
    let trees = events.lines.iter().map(|line| serde_json::from_str(line));
    let trees: Vec<Value> = trees.collect::<Result<_, _>>().expect("JSON");
    bencher
        .counter(lines)
        .bench_local(|| trees.iter().for_each(redact_all));
}

fn redact_all(tree: &Value) {
    match tree {
        Value::String(text) => drop(black_box(redact(text))),
        Value::Array(items) => items.iter().for_each(redact_all),
        Value::Object(fields) => fields.values().for_each(redact_all),
        _ => {}
    }
}

/// Into its execution, which gives the change.
#[divan::bench]
fn merge(bencher: Bencher) {
    let events = Events::known();
    let count = ItemsCount::new(events.facts.len());
    bencher
        .counter(count)
        .with_inputs(|| events.facts.clone())
        .bench_local_values(|facts| {
            for (seq, fact) in (1..).zip(facts) {
                black_box(events.merged(fact, seq));
            }
        });
}

#[divan::bench(args = SCRIPTS)]
fn sums(bencher: Bencher, batch: usize) {
    let changes = &Events::known().changes[..batch];
    let zone = Zone::utc();
    bencher.counter(ItemsCount::new(batch)).bench_local(|| {
        let nets = Net::of_each(changes.iter().map(Arc::as_ref));
        black_box(Sums::of(&nets, &zone));
    });
}

/// What a script is given.
#[divan::bench(args = SCRIPTS)]
fn apply(bencher: Bencher, batch: usize) {
    let events = Events::known();
    let changes = &events.changes[..batch];
    let keys = Keyspace::new("", Zone::utc());
    bencher.counter(ItemsCount::new(batch)).bench_local(|| {
        let now_ms = events.clock.now_ms;
        black_box(Writes::of(changes, &events.names, &keys, IDLE_MS, now_ms));
    });
}

/// One commit of the journal, with the disk.
#[divan::bench(args = SCRIPTS, sample_count = 20, sample_size = 1)]
fn append(bencher: Bencher, batch: usize) {
    let changes = &Events::known().changes[..batch];
    let keep_all = Prune {
        history_seq: 0,
        keep_rows: u64::MAX,
        older_than_ms: i64::MIN,
    };
    bencher
        .counter(ItemsCount::new(batch))
        .with_inputs(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let journal = Journal::open(&folder.path().join("journal.db"));
            (journal.expect("a journal"), folder)
        })
        .bench_local_refs(|(journal, _)| {
            let entry = Entry {
                changes,
                ..Entry::default()
            };
            journal.append(&entry, &keep_all).expect("room");
        });
}

/// One transaction of an empty history, with the disk.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn flush(bencher: Bencher) {
    let events = Events::known();
    let changes = &events.changes[..FLUSH];
    let last_seq = changes.last().map_or(0, |change: &Arc<Change>| change.seq);
    let cursor = Cursor::new("epoch", last_seq);
    bencher
        .counter(ItemsCount::new(FLUSH))
        .with_inputs(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let history = History::open(&folder.path().join("history.db"));
            (history.expect("a history"), folder)
        })
        .bench_local_refs(|(history, _)| {
            let totals = LifetimeCounters::of(changes.iter().map(Arc::as_ref), &events.names);
            let flushed = history.flush(changes, &totals, &cursor);
            black_box(flushed.expect("room"));
        });
}
