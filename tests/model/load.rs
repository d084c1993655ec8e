//! Events at random: what a day of agents might send, with everything that may be absent sometimes
//! absent. All ends keep clear of the moments at which a Redis key's life would end during a test.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use super::time::{DAY_MS, HOUR_MS, rfc3339};
use super::world::KEPT_DAYS;

/// Few, so that executions meet in the same buckets.
const NAMES: [&str; 4] = ["screenshot-analyzer", "debug-helper", "code-review", "zorp"];
const KINDS: [&str; 3] = ["analyzer", "tester", "custom-type"];
/// `gpt-unheard-of` has no price.
const MODELS: [&str; 3] = ["claude-haiku-4-5", "claude-sonnet-4", "gpt-unheard-of"];
/// More than the twelve that pairs are made of.
const TOOLS: [&str; 18] = [
    "Read", "Write", "Edit", "Bash", "Grep", "Glob", "T01", "T02", "T03", "T04", "T05", "T06",
    "T07", "T08", "T09", "T10", "T11", "T12",
];

/// What one execution sends.
#[derive(Clone, Debug)]
pub struct Plan {
    end_ago_ms: i64,
    length_ms: i64,
    start: Option<Start>,
    stop: Option<Stop>,
    progress: bool,
    /// Another stop, which says something else: whichever comes second is a duplicate.
    contradicted: bool,
    repeated: bool,
}

#[derive(Clone, Debug)]
struct Start {
    name: &'static str,
    kind: Option<&'static str>,
    model: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct Stop {
    name: Option<&'static str>,
    kind: Option<&'static str>,
    model: Option<&'static str>,
    knows_start: bool,
    duration_ms: Option<i64>,
    status: Option<&'static str>,
    calls: BTreeMap<&'static str, i64>,
    only_listed: Option<&'static str>,
    usage: Option<Usage>,
    time_as_number: bool,
}

#[derive(Clone, Debug)]
struct Usage {
    input: i64,
    output: i64,
    cache_read: Option<i64>,
    total: Option<i64>,
    cost_micros: Option<i64>,
}

impl Plan {
    /// The events of the plan as execution `id`, counted back from `base_ms`.
    pub fn lines(&self, id: &str, base_ms: i64) -> Vec<Value> {
        let end_ms = base_ms - self.end_ago_ms;
        let begin_ms = end_ms - self.length_ms;
        let mut lines = Vec::new();
        if let Some(start) = &self.start {
            lines.push(start.line(id, begin_ms));
        }
        if self.progress {
            lines.push(
                json!({"event":"progress","agent_id":id,"progress":0.5,"current_tool":"Read"}),
            );
        }
        if let Some(stop) = &self.stop {
            lines.push(stop.line(id, begin_ms, end_ms));
            if self.contradicted {
                lines.push(json!({"event":"stop","agent_id":id,"agent_name":"zorp",
                    "execution_end":rfc3339(end_ms - 1000),"duration_ms":7,
                    "status":"failure","tool_calls":{"Bash":1000}}));
            }
        }
        if self.repeated {
            lines.extend(lines.clone());
        }
        lines
    }
}

impl Start {
    fn line(&self, id: &str, begin_ms: i64) -> Value {
        let mut line = json!({"event":"start","agent_id":id,"agent_name":self.name,
            "start_time":rfc3339(begin_ms),"task_description":"look at it","context_size":1000,
            "tools_granted":["Read","Bash"],"session_id":"s-1"});
        put(&mut line, "agent_type", self.kind);
        put(&mut line, "model", self.model);
        line
    }
}

impl Stop {
    fn line(&self, id: &str, begin_ms: i64, end_ms: i64) -> Value {
        let time = |at_ms: i64| {
            if self.time_as_number {
                json!(at_ms)
            } else {
                json!(rfc3339(at_ms))
            }
        };
        let mut line = json!({"event":"stop","agent_id":id,"execution_end":time(end_ms),
            "tool_calls":self.calls});
        put(&mut line, "agent_name", self.name);
        put(&mut line, "agent_type", self.kind);
        put(&mut line, "model", self.model);
        put(&mut line, "status", self.status);
        put(&mut line, "duration_ms", self.duration_ms);
        put(
            &mut line,
            "execution_start",
            self.knows_start.then(|| time(begin_ms)),
        );
        let listed: Vec<&str> = self.calls.keys().copied().chain(self.only_listed).collect();
        line["tools_used"] = json!(listed);
        if let Some(usage) = &self.usage {
            let mut told = json!({"input_tokens":usage.input,"output_tokens":usage.output});
            put(&mut told, "cache_read_tokens", usage.cache_read);
            put(&mut told, "total_tokens", usage.total);
            put(
                &mut told,
                "estimated_cost",
                usage.cost_micros.map(|micros| micros as f64 / 1e6),
            );
            line["token_usage"] = told;
        }
        line
    }
}

/// Absent is not the same as null: a field without a value is left out.
fn put(line: &mut Value, field: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        let object: &mut Map<String, Value> = line.as_object_mut().expect("a line is an object");
        object.insert(field.to_owned(), value.into());
    }
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let flags = (
        any::<bool>(),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.2),
    );
    (
        end_ago_ms(),
        length_ms(),
        option::weighted(0.8, start()),
        option::weighted(0.9, stop()),
        flags,
    )
        .prop_map(
            |(end_ago_ms, length_ms, start, stop, (progress, contradicted, repeated))| Plan {
                end_ago_ms,
                length_ms,
                start,
                stop,
                progress,
                contradicted,
                repeated,
            },
        )
}

/// Today and the last three days, mostly; now and then long ago, and too long ago.
fn end_ago_ms() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => 0..HOUR_MS,
        8 => HOUR_MS..72 * HOUR_MS,
        1 => 12 * DAY_MS..13 * DAY_MS,
        1 => 20 * DAY_MS..21 * DAY_MS,
        1 => 410 * DAY_MS..411 * DAY_MS,
    ]
}

/// Some are longer than a duration may be, some end before they began.
fn length_ms() -> impl Strategy<Value = i64> {
    prop_oneof![
        12 => 0..600_000_i64,
        1 => 8 * DAY_MS..9 * DAY_MS,
        1 => -120_000..-1000_i64,
    ]
}

fn start() -> impl Strategy<Value = Start> {
    (
        select(&NAMES[..]),
        option::of(select(&KINDS[..])),
        option::of(select(&MODELS[..])),
    )
        .prop_map(|(name, kind, model)| Start { name, kind, model })
}

fn stop() -> impl Strategy<Value = Stop> {
    let status = select(vec![
        None,
        Some("success"),
        Some("failure"),
        Some("timeout"),
        Some("complete"),
        Some("completed"),
        Some("failed"),
    ]);
    let duration = option::of(prop_oneof![10 => 0..90_000_i64, 1 => 604_799_000..=604_800_000_i64]);
    let who = (
        option::of(select(&NAMES[..])),
        option::of(select(&KINDS[..])),
        option::of(select(&MODELS[..])),
    );
    let few_or_many = prop_oneof![3 => 0..=6_usize, 1 => 13..=18_usize];
    let tools = few_or_many.prop_flat_map(|count| subsequence(TOOLS.to_vec(), count));
    let counts = vec(1..30_i64, TOOLS.len());
    let calls = (tools, counts)
        .prop_map(|(tools, counts)| -> BTreeMap<_, _> { tools.into_iter().zip(counts).collect() });
    let listed = option::weighted(0.2, select(&TOOLS[..]));
    let flags = (any::<bool>(), any::<bool>());
    (
        who,
        duration,
        status,
        calls,
        listed,
        option::weighted(0.8, usage()),
        flags,
    )
        .prop_map(
            |((name, kind, model), duration_ms, status, calls, listed, usage, flags)| Stop {
                name,
                kind,
                model,
                knows_start: flags.0,
                duration_ms,
                status,
                only_listed: listed.filter(|tool| !calls.contains_key(tool)),
                calls,
                usage,
                time_as_number: flags.1,
            },
        )
}

/// Amounts whose price is a whole number of micro-dollars.
fn usage() -> impl Strategy<Value = Usage> {
    let cache_read = option::of((0..5000_i64).prop_map(|n| n * 10));
    let total = option::weighted(0.3, 0..1_000_000_i64);
    let cost = option::weighted(0.4, 0..5_000_000_i64);
    let counts = prop_oneof![1 => Just((0, 0)), 9 => (0..100_000_i64, 0..9000_i64)];
    (counts, cache_read, total, cost).prop_map(
        |((input, output), cache_read, total, cost_micros)| Usage {
            input,
            output,
            cache_read,
            total,
            cost_micros,
        },
    )
}

/// About `count` valid events in random order, a fifth of them sent twice; the same for the same
/// arguments. Nothing in it is refused, and no two stops of one id differ.
pub fn shuffled(count: usize, base_ms: i64) -> Vec<Value> {
    let mut runner = TestRunner::deterministic();
    let accepted = plan().prop_filter("is kept", |plan| plan.end_ago_ms < KEPT_DAYS * DAY_MS);
    let mut lines = Vec::new();
    let mut made = 0;
    while lines.len() < count {
        let mut plan = sample(&accepted, &mut runner);
        plan.contradicted = false;
        lines.extend(plan.lines(&format!("x-{made}"), base_ms));
        made += 1;
    }
    let again = sample(&vec(prop::bool::weighted(0.2), lines.len()), &mut runner);
    let repeated: Vec<Value> = lines
        .iter()
        .zip(again)
        .filter(|(_, again)| *again)
        .map(|(line, _)| line.clone())
        .collect();
    lines.extend(repeated);
    let keys = sample(&vec(any::<u32>(), lines.len()), &mut runner);
    ordered(lines, &keys)
}

/// The lines in the order of their keys; those without a key come last.
pub fn ordered(lines: Vec<Value>, keys: &[u32]) -> Vec<Value> {
    let mut keyed: Vec<(u32, Value)> = keys
        .iter()
        .copied()
        .chain(std::iter::repeat(u32::MAX))
        .zip(lines)
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, line)| line).collect()
}

fn sample<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> S::Value {
    strategy
        .new_tree(runner)
        .expect("a strategy without impossible filters")
        .current()
}
