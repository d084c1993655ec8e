//! The metrics for Prometheus. No series has an id: labels are the names under which history
//! counts, the patterns of routes, and fixed words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::exposition::{Kind, Page};
use super::known_labels;
use super::probe::{DiskUsage, RedisMemory};
use super::registry;
use super::requests::Requests;
use super::tasks;
use agentpulse_core::execution::Catalog;
use agentpulse_core::lifetime::{
    BEYOND, BUCKETS, COST_MICROS, DIRECTIONS, DURATION_MS, DURATIONS, EXECUTIONS, STARTED,
    STATUSES, TOKENS, TOOL_CALLS, UNPRICED,
};
use agentpulse_core::names::OTHER;
use agentpulse_core::tally::dollars;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::counters::{self, RENAMED};
use agentpulse_pipeline::live_state::Condition;
use agentpulse_queue::Standing;
use agentpulse_registry::Current;
use agentpulse_store::history::LifetimeCounters;

/// The counters that are one metric with a label.
const EVENTS: &str = "events_";

/// The values of one moment.
pub struct Scrape {
    /// Whose types have their series before anything is counted.
    pub catalog: Arc<Catalog>,
    pub totals: Arc<LifetimeCounters>,
    /// Whether the totals are of now.
    pub history_up: bool,
    pub counters: BTreeMap<String, u64>,
    pub journal_pending: u64,
    /// `i64::MAX` if it is longer than is remembered.
    pub live_lag_ms: i64,
    pub ready: bool,
    pub live_state: &'static str,
    pub flushed_ms: Option<i64>,
    pub redis_up: bool,
    /// None if Redis did not allow to read it.
    pub memory: Option<RedisMemory>,
    pub room: Option<DiskUsage>,
    pub spool_max_bytes: u64,
    pub stream_clients: u64,
    pub redis_version: String,
    pub definitions: Arc<Current>,
    /// None if it cannot be read.
    pub queue: Option<Arc<Standing>>,
    /// The roles to which tasks are assigned.
    pub roles: BTreeSet<String>,
}

pub fn build(scrape: &Scrape, requests: &Requests) -> String {
    let mut page = Page::default();
    let counted = Counted::of(&scrape.totals, &scrape.catalog);
    agents(&mut page, &counted);
    durations(&mut page, &counted);
    counters(&mut page, &scrape.counters);
    pipeline(&mut page, scrape);
    machine(&mut page, scrape);
    registry::metrics::write(&mut page, &scrape.definitions);
    tasks::write(&mut page, scrape.queue.as_deref(), &scrape.roles, now_ms());
    requests.write(&mut page.family(
        "agentpulse_http_request_duration_seconds",
        Kind::Histogram,
        "Seconds until an HTTP request was answered, by route and status.",
    ));
    let version = env!("CARGO_PKG_VERSION");
    page.family(
        "agentpulse_build_info",
        Kind::Gauge,
        "Always 1; the versions are in the labels.",
    )
    .value(
        &[
            ("version", version),
            ("redis_version", &scrape.redis_version),
        ],
        1.0,
    );
    page.finish()
}

/// The totals by their names.
struct Counted<'a> {
    counts: BTreeMap<(&'a str, &'a str, &'a str), i64>,
    running: BTreeMap<&'a str, i64>,
}

impl<'a> Counted<'a> {
    fn of(totals: &'a LifetimeCounters, catalog: &'a Catalog) -> Counted<'a> {
        let mut counts = BTreeMap::new();
        let mut running = BTreeMap::new();
        for agent_type in known_labels::types(&catalog.types) {
            // One part is enough: what has a label has all parts.
            for (name, part) in [
                (EXECUTIONS, STATUSES[0]),
                (TOKENS, DIRECTIONS[0]),
                (DURATIONS, BEYOND),
            ] {
                counts.insert((name, agent_type, part), 0);
            }
            running.insert(agent_type, 0);
        }
        for tool in known_labels::tools() {
            counts.insert((TOOL_CALLS, tool, ""), 0);
        }
        for total in &totals.counted {
            let label = total.label.as_str();
            counts.insert(
                (total.name.as_str(), label, total.part.as_str()),
                total.count,
            );
            if total.name == EXECUTIONS {
                // A type that does not run now has 0 of them, which is not the same as nothing.
                running.entry(label).or_default();
            }
        }
        for (agent_type, count) in &totals.running {
            let is_counted = running.contains_key(agent_type.as_str());
            let label = if is_counted { agent_type } else { OTHER };
            *running.entry(label).or_default() += count;
        }
        Counted { counts, running }
    }

    fn get(&self, name: &str, label: &str, part: &str) -> f64 {
        self.counts.get(&(name, label, part)).copied().unwrap_or(0) as f64
    }

    /// The labels that this number has, each once.
    fn labels(&self, name: &'a str) -> Vec<&'a str> {
        let keys = self.counts.range((name, "", "")..);
        let mut labels: Vec<&str> = keys
            .take_while(|((of, _, _), _)| *of == name)
            .map(|((_, label, _), _)| *label)
            .collect();
        labels.dedup();
        labels
    }
}

fn agents(page: &mut Page, counted: &Counted) {
    let mut active = page.family(
        "agentpulse_agents_active",
        Kind::Gauge,
        "Agents that run now, as of the last flush.",
    );
    for (agent_type, &count) in &counted.running {
        active.value(&[("agent_type", agent_type)], count as f64);
    }
    let mut executions = page.family(
        "agentpulse_executions_total",
        Kind::Counter,
        "Finished executions by their outcome.",
    );
    for agent_type in counted.labels(EXECUTIONS) {
        for status in STATUSES {
            let labels = [("agent_type", agent_type), ("status", status)];
            executions.value(&labels, counted.get(EXECUTIONS, agent_type, status));
        }
    }
    page.family(
        "agentpulse_executions_started_total",
        Kind::Counter,
        "Executions that were started.",
    )
    .value(&[], counted.get(STARTED, "", ""));
    let mut tokens = page.family(
        "agentpulse_tokens_total",
        Kind::Counter,
        "Tokens of finished executions; other are those reported only as part of a total.",
    );
    for agent_type in counted.labels(TOKENS) {
        for direction in DIRECTIONS {
            let labels = [("direction", direction), ("agent_type", agent_type)];
            tokens.value(&labels, counted.get(TOKENS, agent_type, direction));
        }
    }
    page.family(
        "agentpulse_cost_dollars_total",
        Kind::Counter,
        "Dollars that finished executions cost, as far as their prices are known.",
    )
    .value(&[], dollars(counted.get(COST_MICROS, "", "") as i64));
    page.family(
        "agentpulse_unpriced_executions_total",
        Kind::Counter,
        "Finished executions with tokens of a model that has no price.",
    )
    .value(&[], counted.get(UNPRICED, "", ""));
    let mut calls = page.family(
        "agentpulse_tool_calls_total",
        Kind::Counter,
        "Calls of each tool by finished executions.",
    );
    for tool in counted.labels(TOOL_CALLS) {
        calls.value(&[("tool", tool)], counted.get(TOOL_CALLS, tool, ""));
    }
}

fn durations(page: &mut Page, counted: &Counted) {
    let mut durations = page.family(
        "agentpulse_execution_duration_seconds",
        Kind::Histogram,
        "Seconds that finished executions took, if known.",
    );
    let bounds = BUCKETS.map(|(bound_ms, _)| bound_ms as f64 / 1e3);
    let parts = BUCKETS.map(|(_, part)| part);
    for agent_type in counted.labels(DURATIONS) {
        let count = |part| counted.get(DURATIONS, agent_type, part) as u64;
        let counts: Vec<u64> = parts.into_iter().chain([BEYOND]).map(count).collect();
        let sum = counted.get(DURATION_MS, agent_type, "") / 1e3;
        durations.histogram(&[("agent_type", agent_type)], &bounds, &counts, sum);
    }
}

/// The daemon's own counters, all of them.
fn counters(page: &mut Page, counters: &BTreeMap<String, u64>) {
    let mut events = page.family(
        "agentpulse_events_total",
        Kind::Counter,
        "Events that came in, by result.",
    );
    for (name, &count) in counters {
        if let Some(result) = name.strip_prefix(EVENTS) {
            events.value(&[("result", result)], count as f64);
        }
    }
    for (name, &count) in counters {
        if !name.starts_with(EVENTS) {
            let full = format!("agentpulse_{name}_total");
            page.family(&full, Kind::Counter, &help(name))
                .value(&[], count as f64);
        }
    }
}

fn help(counter: &str) -> String {
    if let Some((name, _)) = RENAMED.iter().find(|(_, old)| *old == counter) {
        return format!("Old name of agentpulse_{name}_total; it goes with the next release.");
    }
    match counters::help(counter) {
        Some(help) => help.to_owned(),
        None => format!("What the daemon counted as {}.", counter.replace('_', " ")),
    }
}

fn pipeline(page: &mut Page, scrape: &Scrape) {
    let mut gauge = |name: &str, help: &str, value: f64| {
        page.family(&format!("agentpulse_{name}"), Kind::Gauge, help)
            .value(&[], value);
    };
    let lag_s = match scrape.live_lag_ms {
        i64::MAX => f64::INFINITY,
        lag_ms => lag_ms as f64 / 1e3,
    };
    gauge(
        "ready",
        "1 if events are accepted and the views follow, as /ready says.",
        f64::from(u8::from(scrape.ready)),
    );
    gauge(
        "journal_pending",
        "Changes in the journal that Redis or history have not applied yet.",
        scrape.journal_pending as f64,
    );
    gauge(
        "live_lag_seconds",
        "Age of the oldest change that Redis has not applied yet.",
        lag_s,
    );
    gauge(
        "flush_last_success_timestamp_seconds",
        "When history last had everything; 0 before the first time since the start.",
        scrape.flushed_ms.unwrap_or(0) as f64 / 1e3,
    );
    gauge(
        "history_up",
        "1 when history was read for this scrape; else the totals are the last ones.",
        f64::from(u8::from(scrape.history_up)),
    );
    gauge(
        "stream_clients",
        "Clients of the stream that are connected.",
        scrape.stream_clients as f64,
    );
    gauge(
        "redis_up",
        "1 when Redis answered for this scrape.",
        f64::from(u8::from(scrape.redis_up)),
    );
    let mut states = page.family(
        "agentpulse_live_state",
        Kind::Gauge,
        "1 for the state that the live view is in.",
    );
    for state in Condition::WORDS {
        let is = f64::from(u8::from(state == scrape.live_state));
        states.value(&[("state", state)], is);
    }
}

fn machine(page: &mut Page, scrape: &Scrape) {
    let memory = scrape.memory;
    let room = scrape.room.as_ref();
    let gauges: [(&str, &str, Option<u64>); 7] = [
        (
            "redis_memory_bytes",
            "Memory that Redis uses.",
            memory.map(|memory| memory.used),
        ),
        (
            "redis_memory_max_bytes",
            "Memory that Redis may use; 0 is no limit.",
            memory.map(|memory| memory.max),
        ),
        (
            "disk_free_bytes",
            "Free space where the data folder is.",
            room.map(|room| room.free_bytes),
        ),
        (
            "disk_size_bytes",
            "Size of the disk where the data folder is.",
            room.map(|room| room.size_bytes),
        ),
        (
            "spool_waiting_files",
            "Lines that wait in the spool.",
            room.map(|room| room.spool_files),
        ),
        (
            "spool_waiting_bytes",
            "Bytes that wait in the spool.",
            room.map(|room| room.spool_bytes),
        ),
        (
            "spool_max_bytes",
            "Bytes that hooks may leave in the spool.",
            Some(scrape.spool_max_bytes),
        ),
    ];
    for (name, help, value) in gauges {
        let mut family = page.family(&format!("agentpulse_{name}"), Kind::Gauge, help);
        if let Some(value) = value {
            family.value(&[], value as f64);
        }
    }
    let mut dropped = page.family(
        "agentpulse_spool_lines_dropped_total",
        Kind::Counter,
        "Lines that hooks had to drop, because the spool was full.",
    );
    if let Some(room) = room {
        dropped.value(&[], room.spool_dropped as f64);
    }
}
