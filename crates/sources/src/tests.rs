//! The heart, held by properties: order and repetition mean nothing, and what changes add up to is
//! what the executions contribute.

mod absent;
mod edges;

use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::{Clock, LineKey, decode};
use agentpulse_core::bucket::Day;
use agentpulse_core::change::{Change, ChangeKind, Net};
use agentpulse_core::dimension::{self, Dimension};
use agentpulse_core::event::Event;
use agentpulse_core::execution::{Catalog, Execution, Fact, Status};
use agentpulse_core::sums::Sums;
use agentpulse_core::zone::Zone;

/// 2026-11-20T18:40:00Z.
const NOW_MS: i64 = 1_795_200_000_000;

fn clock() -> Clock {
    Clock {
        now_ms: NOW_MS,
        keep_ms: 90 * 86_400_000,
        zone: TimeZone::UTC,
    }
}

fn read(line: Value) -> Result<Event, String> {
    decode(line.to_string().as_bytes(), &clock(), LineKey::default())
        .map_err(|refusal| refusal.to_string())
}

fn fact(line: Value) -> Fact {
    match read(line) {
        Ok(Event::Fact { fact, .. }) => fact,
        other => panic!("{other:?} is no fact"),
    }
}

/// Applies facts as the writer does, and answers each change.
fn apply(facts: impl IntoIterator<Item = Fact>) -> (Execution, Vec<Change>) {
    let catalog = Catalog::default();
    let mut known: Option<Arc<Execution>> = None;
    let mut changes = Vec::new();
    for fact in facts {
        let mut next = match &known {
            Some(execution) => Execution::clone(execution),
            None => Execution::new("x".to_owned()),
        };
        if next.accepts(&fact) && (known.is_some() || fact != Fact::Alive) {
            next.merge(fact, &catalog);
            let next = Arc::new(next);
            changes.push(Change::between(known.clone(), next.clone(), 0, NOW_MS));
            known = Some(next);
        }
    }
    let execution = known.expect("at least one fact was taken");
    (Execution::clone(&execution), changes)
}

fn start() -> Fact {
    fact(json!({
        "event": "start", "agent_id": "x", "agent_name": "code-reviewer",
        "start_time": "2026-11-20T18:00:00Z", "parent_agent_id": "p", "model": "claude-opus-5-5",
    }))
}

fn stop(fields: Value) -> Fact {
    let mut line = json!({
        "event": "stop", "agent_id": "x", "execution_end": "2026-11-20T18:10:00Z",
        "token_usage": {"input_tokens": 1500, "output_tokens": 2300},
        "tool_calls": {"Read": 5, "Bash": 3},
    });
    line.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    fact(line)
}

#[test]
fn a_start_after_its_stop_fills_in_what_the_stop_lacked() {
    let (in_order, _) = apply([start(), stop(json!({}))]);
    let (late, changes) = apply([stop(json!({})), start()]);
    assert_eq!(in_order, late);
    assert_eq!(late.agent_name(), "code-reviewer");
    assert_eq!(late.agent_type(), "reviewer");
    assert_eq!(late.outcome().unwrap().duration_ms, Some(600_000));
    // opus-5-5 is 4 and 20 dollars a million: 1500 × 4 + 2300 × 20 = 52,000 micro-dollars.
    assert_eq!(late.resolved.cost_micros, Some(52_000));
    let kinds: Vec<_> = changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::Stopped, ChangeKind::Corrected]);
    let before = changes[1].removed().unwrap();
    assert_eq!((before.agent_name, before.duration_ms), ("unknown", None));
    assert_eq!(
        (before.tally.unpriced_count, before.tally.cost_micros),
        (1, 0)
    );
}

#[test]
fn a_stop_replaces_the_reapers_time_out_but_not_its_own() {
    let timed_out = Fact::TimedOut { ended_ms: NOW_MS };
    let (execution, changes) = apply([start(), timed_out.clone(), stop(json!({}))]);
    assert_eq!(execution.outcome().unwrap().status, Status::Success);
    let removed = changes[2].removed().unwrap();
    assert_eq!(
        (removed.tally.timeout_count, removed.duration_ms),
        (1, None)
    );

    let own = stop(json!({"status": "timeout", "duration_ms": 9}));
    let (execution, changes) = apply([start(), own, timed_out, stop(json!({}))]);
    assert_eq!(changes.len(), 2);
    let outcome = execution.outcome().unwrap();
    assert_eq!(
        (outcome.status, outcome.duration_ms),
        (Status::Timeout, Some(9))
    );
}

#[test]
fn a_sign_of_life_reopens_what_only_the_reaper_ended() {
    let timed_out = Fact::TimedOut { ended_ms: NOW_MS };
    let (execution, changes) = apply([start(), timed_out, Fact::Alive]);
    assert!(execution.is_running());
    assert_eq!(changes[2].kind, ChangeKind::Revived);
    let (execution, changes) = apply([start(), stop(json!({})), Fact::Alive]);
    assert!(!execution.is_running());
    assert_eq!(changes.len(), 2);
}

#[test]
fn a_duration_that_measures_a_clock_is_unknown() {
    let ends_before = json!({"execution_end": "2026-11-20T17:00:00Z"});
    assert_eq!(
        apply([start(), stop(ends_before)])
            .0
            .outcome()
            .unwrap()
            .duration_ms,
        None
    );
    let own = stop(json!({"duration_ms": 7, "execution_end": "2026-11-20T17:00:00Z"}));
    assert_eq!(
        apply([start(), own]).0.outcome().unwrap().duration_ms,
        Some(7)
    );
    let weeks = stop(json!({"execution_start": "2026-11-01T00:00:00Z"}));
    assert_eq!(apply([weeks]).0.outcome().unwrap().duration_ms, None);
}

#[test]
fn costs_are_the_events_own_else_priced_else_unknown() {
    let cost = |fields: Value| {
        let (execution, _) = apply([stop(fields)]);
        (execution.resolved.cost_micros, execution.resolved.unpriced)
    };
    let own = json!({"token_usage": {"input_tokens": 9, "estimated_cost": 0.0076}});
    assert_eq!(cost(own), (Some(7_600), false));
    assert_eq!(cost(json!({"model": "nobody-1"})), (None, true));
    assert_eq!(cost(json!({"token_usage": null})), (None, false));
    for none in [json!({}), json!({"total_tokens": 0, "estimated_cost": 0.0})] {
        assert_eq!(cost(json!({"token_usage": none})), (None, false));
    }
    // Nobody says which model it is that costs nothing.
    let free = json!({"input_tokens": 9, "estimated_cost": 0});
    assert_eq!(cost(json!({"token_usage": free})), (None, true));
    let own = json!({"token_usage": free, "model": "nobody-1"});
    assert_eq!(cost(own), (Some(0), false));
    let total = json!({"token_usage": {"total_tokens": 5}, "model": "claude-opus-5-5"});
    assert_eq!(cost(total), (None, true));
}

#[test]
fn refusals_name_the_field_and_the_bound() {
    let refused = |line: Value| read(line).unwrap_err();
    let stop = |fields: Value| {
        let mut line = json!({"event": "stop", "agent_id": "x"});
        line.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        refused(line)
    };
    assert_eq!(
        stop(json!({"duration_ms": -1})),
        "stop: duration_ms must be 0..=604800000"
    );
    assert_eq!(
        stop(json!({"duration_ms": 1e30})),
        "stop: duration_ms must be 0..=604800000"
    );
    assert_eq!(
        stop(json!({"execution_end": "2026-08-21T23:59:59Z"})),
        "stop: execution_end is too old: before 2026-08-22"
    );
    assert_eq!(
        stop(json!({"execution_end": 0})),
        "stop: execution_end is too old: before 2026-08-22"
    );
    assert_eq!(
        stop(json!({"tool_calls": {"Read": -1}})),
        "stop: tool_calls: calls must be 0..=1000000000000"
    );
    assert_eq!(
        stop(json!({"status": "fine"})),
        "stop: status must be one of success, failure, timeout"
    );
    assert_eq!(
        refused(json!({"event": "start", "agent_id": "x"})),
        "start: agent_name is required"
    );
    assert_eq!(
        refused(json!({"event": "start", "agent_id": "", "agent_name": "a"})),
        "start: agent_id is required"
    );
    assert_eq!(
        refused(json!({"event": "nap"})),
        "event must be one of start, progress, stop, hook"
    );
    assert_eq!(
        refused(json!({"event": "progress", "agent_id": "x", "progress": 1.5})),
        "progress: progress must be 0..=1"
    );
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!([deep]);
    }
    assert_eq!(
        stop(json!({"output_metrics": {"x": deep}})),
        "nesting must be 0..=32"
    );
    assert_eq!(
        decode(b"{", &clock(), LineKey::default())
            .unwrap_err()
            .0
            .split(':')
            .next(),
        Some("not JSON at column 1")
    );
    assert_eq!(
        decode(b"\xff", &clock(), LineKey::default()).unwrap_err().0,
        "not UTF-8"
    );
}

#[test]
fn times_are_read_as_they_come() {
    let end = |time: Value| {
        let (execution, _) = apply([stop(json!({"execution_end": time}))]);
        execution.outcome().unwrap().ended_ms - NOW_MS
    };
    assert_eq!(end(json!("2026-11-20T18:39:59.5Z")), -500);
    assert_eq!(end(json!("2026-11-20T19:39:59+01:00")), -1_000);
    assert_eq!(end(json!("2026-11-20T18:39:59.250000")), -750);
    assert_eq!(end(json!(1_795_199_999.5)), -500);
    assert_eq!(end(json!(1_795_199_999_500_i64)), -500);
    // Far ahead of the daemon's clock it is taken at receipt; a little ahead it is believed.
    assert_eq!(end(json!("9999-12-31T23:59:59Z")), 0);
    assert_eq!(end(json!(1_795_200_060)), 60_000);
}

#[test]
fn long_texts_are_cut_with_a_mark() {
    let long = "é".repeat(5_000);
    let stop = stop(json!({"error_details": {"message": long, "type": "E"}}));
    let Fact::Stop(stop) = stop else {
        unreachable!()
    };
    let message = stop.error_details.unwrap().fields()["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.len() <= 4_096 && message.ends_with("é…[cut]"));
}

#[derive(Clone, Debug)]
enum Step {
    Start(u8),
    Stop(u8, u64, bool),
    TimedOut,
    Alive,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_u8).prop_map(Step::Start),
        (0..3_u8, 0..100_000_u64, any::<bool>()).prop_map(|(n, ms, ok)| Step::Stop(n, ms, ok)),
        Just(Step::TimedOut),
        Just(Step::Alive),
    ]
}

fn step_fact(step: &Step) -> Fact {
    match step {
        Step::Start(name) => fact(json!({
            "event": "start", "agent_id": "x", "agent_name": format!("agent-{name}"),
        })),
        Step::Stop(name, duration_ms, ok) => stop(json!({
            "agent_name": (*name > 0).then(|| format!("agent-{name}")),
            "duration_ms": duration_ms, "status": if *ok { "success" } else { "failed" },
        })),
        Step::TimedOut => Fact::TimedOut {
            ended_ms: NOW_MS - 86_400_000,
        },
        Step::Alive => Fact::Alive,
    }
}

proptest! {
    /// Whatever happens to an execution, its changes add up to what it contributes in the end.
    #[test]
    fn changes_add_up_to_the_contribution(steps in prop::collection::vec(step(), 1..12)) {
        let steps: Vec<_> = steps.iter().map(step_fact).collect();
        prop_assume!(steps.iter().any(|fact| matches!(fact, Fact::Start(_) | Fact::Stop(_))));
        let first = steps.iter().position(|f| matches!(f, Fact::Start(_) | Fact::Stop(_)));
        let (execution, changes) = apply(steps.into_iter().skip(first.unwrap()));
        let final_change = Change::between(None, Arc::new(execution), 0, NOW_MS);
        let zone = Zone::utc();
        let (mut sums, whole) = (Sums::default(), Sums::of(&Net::of_each([&final_change]), &zone));
        for (sign, contribution) in changes.iter().flat_map(Change::moves) {
            sums.add(sign, &contribution, &zone);
        }
        prop_assert_eq!(&Sums::of(&Net::of_each(&changes), &zone), &whole);
        for row in &dimension::TABLE {
            let left = sums.by(row.dimension).iter().filter(|(_, tally)| !tally.is_zero());
            prop_assert_eq!(left.collect::<Vec<_>>(),
                            whole.by(row.dimension).iter().collect::<Vec<_>>());
        }
        let tools = sums.tools.into_iter().filter(|(_, t)| t.executions != 0);
        prop_assert_eq!(tools.collect::<Vec<_>>(), whole.tools.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(sums.pairs.into_iter().filter(|(_, n)| *n != 0).collect::<Vec<_>>(),
                        whole.pairs.into_iter().collect::<Vec<_>>());
        for ((day, agent), sum) in sums.durations {
            let expected = whole.durations.get(&(day, agent)).cloned().unwrap_or_default();
            let counts = |sketch: &agentpulse_core::sketch::Sketch| {
                sketch.counts().filter(|(_, n)| *n != 0).collect::<Vec<_>>()
            };
            prop_assert_eq!(counts(&sum.sketch), counts(&expected.sketch));
        }
    }

    /// The first start and the first stop decide, wherever repetitions of them come.
    #[test]
    fn order_and_repetition_mean_nothing(
        named in any::<bool>(),
        swap in any::<bool>(),
        again in prop::collection::vec(any::<Index>(), 0..6),
    ) {
        let name = named.then_some("writer");
        let mut facts = vec![start(), stop(json!({"agent_name": name, "duration_ms": 5}))];
        if swap {
            facts.reverse();
        }
        let repeated: Vec<_> = again.iter().map(|index| index.get(&facts).clone()).collect();
        let (expected, _) = apply([start(), stop(json!({"agent_name": name, "duration_ms": 5}))]);
        let (found, changes) = apply(facts.into_iter().chain(repeated));
        prop_assert_eq!(found, expected);
        prop_assert_eq!(changes.len(), 2);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes, &clock(), LineKey::default());
    }

    #[test]
    fn days_are_named_and_read_alike(day in -719_000..2_900_000_i32) {
        prop_assert_eq!(Day::parse(&Day(day).to_string()), Some(Day(day)));
    }
}
