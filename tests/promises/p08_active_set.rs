//! P8: the active set equals the model for any order and repetition of events, and nothing is in it
//! after its deadline.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{arrivals, sized};
use crate::check;
use crate::harness::{Daemon, Setup, eventually, now_ms};
use crate::model::load::ordered;
use crate::model::{World, rfc3339};

const CASES: usize = 10_000;

/// What one execution may report, as often as it likes and in any order.
fn word(word: u8, id: &str, at_ms: i64) -> Value {
    match word {
        0 => json!({"event":"start","agent_id":id,"agent_name":"zorp","start_time":rfc3339(at_ms)}),
        1 => json!({"event":"progress","agent_id":id,"progress":0.5}),
        _ => json!({"event":"stop","agent_id":id,"agent_name":"zorp","duration_ms":7,
            "execution_end":rfc3339(at_ms)}),
    }
}

/// Many cases in one stream, mixed: each is one execution with up to six events at random.
fn stream(cases: usize) -> Vec<Value> {
    let mut runner = TestRunner::deterministic();
    let at_ms = now_ms() - 5_000;
    let told = vec(0..3_u8, 1..=6);
    let mut lines = Vec::new();
    for case in 0..cases {
        let words = told.new_tree(&mut runner).expect("a case").current();
        let id = format!("c{case}");
        lines.extend(words.into_iter().map(|one| word(one, &id, at_ms)));
    }
    let keys = vec(any::<u32>(), lines.len());
    let keys = keys.new_tree(&mut runner).expect("an order").current();
    ordered(lines, &keys)
}

fn active(daemon: &Daemon) -> Result<i64, String> {
    let told = daemon.read("/api/agents/metrics/current")?;
    told["active_agents"].as_i64().ok_or(told.to_string())
}

#[test]
fn p08_the_active_set_is_that_of_the_model_in_any_order() {
    let daemon = Setup::new().start();
    let lines = stream(sized(CASES / 5, CASES));
    let at_ms = now_ms();
    let mut told = 0;
    for part in lines.chunks(lines.len().div_ceil(4)) {
        let (_, answer) = daemon.send(part);
        assert_eq!(answer.totals.rejected, 0, "{answer:?}");
        told += part.len();
        let world = World::of(&arrivals(&lines[..told], at_ms));
        assert!(!world.active.is_empty());
        check::everywhere(&daemon, &world);
    }
}

#[test]
fn p08_nothing_is_active_after_its_deadline() {
    let daemon = Setup::new()
        .set("reaper.idle_timeout", "\"2s\"")
        .set("reaper.tool_timeout", "\"2s\"")
        .start();
    let lines = stream(sized(CASES / 20, CASES));
    let ids: std::collections::BTreeSet<&str> = lines
        .iter()
        .filter(|line| line["event"] != "progress")
        .map(|line| line["agent_id"].as_str().expect("an id"))
        .collect();
    daemon.send(&lines);
    eventually("each has ended once", || {
        let told = daemon.read("/api/agents/metrics/daily?days=2")?;
        let days = told["daily"].as_array().into_iter().flatten();
        let ended: u64 = days
            .filter_map(|day| day["total_executions"].as_u64())
            .sum();
        (ended == ids.len() as u64)
            .then_some(())
            .ok_or(format!("{ended} of {}", ids.len()))
    });
    // Only now: before the first start is applied, none is active either.
    eventually("none is active", || {
        let members = daemon.redis(&["SCARD", "agents:active"]).text();
        match (active(&daemon)?, members.as_str()) {
            (0, "0") => Ok(()),
            running => Err(format!("{running:?} are active")),
        }
    });
}
