//! What each pure part of the way takes by itself, in this process, on one thread.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use serde_json::Value;

use super::load::Load;
use super::machine::thread_cpu_ns;
use super::result::{Row, row};
use crate::cli::failure::{Failure, failed};
use agentpulse_core::bucket::{DAY_MS, Day};
use agentpulse_core::change::Change;
use agentpulse_core::cursor::Cursor;
use agentpulse_core::event::Event;
use agentpulse_core::execution::{Catalog, Execution, Fact};
use agentpulse_core::lifetime::LifetimeCounters;
use agentpulse_core::names::{NameLimits, Names};
use agentpulse_core::sums::Sums;
use agentpulse_core::zone::Zone;
use agentpulse_redact::{is_stack, redact, secret_name, top_of_stacks, without_homes};
use agentpulse_sources::{Clock, LineKey, decode};
use agentpulse_store::history::History;
use agentpulse_store::journal::{Entry, Journal, Prune};

/// As many as one flush has to write at some 10,000 events a second.
const EVENTS: u64 = 20_000;
/// What is summed for live at once.
const BATCH: usize = 256;

const PART: &str = "one thread";

/// `folder` is where the databases are made; `daemon_us` is what the daemon as a whole takes for an
/// event.
pub fn measure(
    load: &mut Load,
    folder: &Path,
    now_ms: i64,
    daemon_us: Option<f64>,
) -> Result<Vec<Row>, Failure> {
    let text = load.chunk(EVENTS);
    let lines: Vec<&[u8]> = text
        .split(|&byte| byte == b'\n')
        .filter(|l| !l.is_empty())
        .collect();
    let clock = Clock {
        now_ms,
        keep_ms: 90 * DAY_MS,
        zone: TimeZone::UTC,
    };
    let catalog = Catalog::default();
    let (facts, parse) = timed(|| parse(&lines, &clock));
    let facts = facts?;
    let values = lines.iter().map(|line| serde_json::from_slice(line));
    let values: Vec<Value> = values.collect::<Result<_, _>>().map_err(failed)?;
    let ((), redact) = timed(|| values.iter().for_each(redact_event));
    let (changes, decide) = timed(|| decide(facts, &catalog, now_ms));
    let utc = Zone::utc();
    let ((), sum) = timed(|| {
        for batch in changes.chunks(BATCH) {
            std::hint::black_box(Sums::of(batch.iter().map(Arc::as_ref), &utc));
        }
    });
    let mut journal = Journal::open(&folder.join("parts-journal.db")).map_err(failed)?;
    let (appended, append) = timed(|| append(&mut journal, &changes));
    appended?;
    let mut history = History::open(&folder.join("parts-history.db")).map_err(failed)?;
    let cursor = Cursor::new(journal.epoch(), journal.last_seq());
    let (flushed, flush) = timed(|| flush(&mut history, &changes, &cursor));
    flushed?;
    let redact_share = redact.cpu_us().zip(daemon_us);
    let redact_share = redact_share.map(|(redact_us, daemon_us)| redact_us / daemon_us);
    let parts = [
        ("parse a line, redaction within", parse),
        ("of that, redaction", redact),
        ("decide its change", decide),
        ("sum, 256 at once", sum),
        ("append to the journal, 256 at once", append),
        ("flush to an empty history, 20,000 at once", flush),
    ];
    Ok(parts
        .into_iter()
        .map(|(what, cost)| row(PART, what, cost.cpu_us(), "CPU µs/event"))
        .chain([
            row(
                PART,
                "redaction, of all that the burst took",
                redact_share,
                "×",
            ),
            row(PART, "append, with the disk", append.wall_us(), "µs/event"),
            row(PART, "flush, with the disk", flush.wall_us(), "µs/event"),
        ])
        .collect())
}

fn parse(lines: &[&[u8]], clock: &Clock) -> Result<Vec<(String, Fact)>, Failure> {
    lines
        .iter()
        .map(|line| match decode(line, clock, LineKey::default()) {
            Ok(Event::Fact { id, fact }) => Ok((id, fact)),
            Ok(_) => Err(failed("a line is neither a start nor a stop")),
            Err(refusal) => Err(failed(refusal)),
        })
        .collect()
}

/// What the intake does to every text of an event, the names in its objects included.
fn redact_event(event: &Value) {
    let fields = event.as_object().into_iter().flatten();
    fields.for_each(|(_, value)| redact_all(value));
}

fn redact_all(value: &Value) {
    match value {
        Value::String(text) => redact_text(text),
        Value::Array(items) => items.iter().for_each(redact_all),
        Value::Object(fields) => {
            for (name, value) in fields {
                std::hint::black_box((secret_name(name), is_stack(name)));
                redact_text(name);
                redact_all(value);
            }
        }
        _ => {}
    }
}

fn redact_text(text: &str) {
    std::hint::black_box(redact(text));
    std::hint::black_box(without_homes(text));
    std::hint::black_box(top_of_stacks(text));
}

fn decide(facts: Vec<(String, Fact)>, catalog: &Catalog, now_ms: i64) -> Vec<Arc<Change>> {
    let mut known: HashMap<String, Arc<Execution>> = HashMap::new();
    let mut changes = Vec::with_capacity(facts.len());
    for (seq, (id, fact)) in (1..).zip(facts) {
        let before = known.get(&id).cloned();
        let mut after = match &before {
            Some(before) => Execution::clone(before),
            None => Execution::new(id.clone()),
        };
        if after.accepts(&fact) {
            after.merge(fact, catalog);
            let after = Arc::new(after);
            known.insert(id, Arc::clone(&after));
            changes.push(Arc::new(Change::between(before, after, seq, now_ms)));
        }
    }
    changes
}

fn append(journal: &mut Journal, changes: &[Arc<Change>]) -> Result<(), Failure> {
    let keep_all = Prune {
        history_seq: 0,
        keep_rows: u64::MAX,
        older_than_ms: i64::MIN,
    };
    changes
        .chunks(BATCH)
        .try_for_each(|changes| {
            let entry = Entry {
                changes,
                ..Entry::default()
            };
            journal.append(&entry, &keep_all)
        })
        .map_err(failed)
}

fn flush(history: &mut History, changes: &[Arc<Change>], cursor: &Cursor) -> Result<(), Failure> {
    let limits = NameLimits {
        agents: 0,
        types: 0,
        tools: 0,
    };
    let names = Names::new(limits, Zone::utc(), Day(0));
    let totals = LifetimeCounters::of(changes.iter().map(Arc::as_ref), &names);
    history.flush(changes, &totals, cursor).map_err(failed)?;
    Ok(())
}

#[derive(Clone, Copy)]
struct Cost {
    cpu_ns: Option<u64>,
    wall: Duration,
}

impl Cost {
    fn cpu_us(&self) -> Option<f64> {
        Some(self.cpu_ns? as f64 / 1000.0 / EVENTS as f64)
    }

    fn wall_us(&self) -> f64 {
        self.wall.as_secs_f64() * 1e6 / EVENTS as f64
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let cpu_before = thread_cpu_ns();
    let begun = Instant::now();
    let result = work();
    let wall = begun.elapsed();
    let cpu_ns = thread_cpu_ns()
        .zip(cpu_before)
        .map(|(after, before)| after - before);
    (result, Cost { cpu_ns, wall })
}
