//! The model itself, against numbers worked out by hand.

use serde_json::json;

use super::execution::{Arrival, Ended};
use super::load::shuffled;
use super::world::World;

const NOON_MS: i64 = 1_795_176_000_000; // 2026-11-20T12:00:00Z

fn world(lines: &[serde_json::Value]) -> World {
    let arrivals: Vec<Arrival> = lines
        .iter()
        .map(|line| Arrival {
            line: line.clone(),
            at_ms: NOON_MS,
        })
        .collect();
    World::of(&arrivals)
}

#[test]
fn the_model_takes_the_first_of_each_kind_in_any_order() {
    let start = json!({"event":"start","agent_id":"a","agent_name":"zorp","start_time":NOON_MS});
    let stop = json!({"event":"stop","agent_id":"a","execution_end":NOON_MS + 5000});
    let other = json!({"event":"stop","agent_id":"a","status":"failed"});
    for lines in [
        [&start, &stop, &other],
        [&stop, &start, &other],
        [&stop, &other, &start],
    ] {
        let world = world(&lines.map(Clone::clone));
        assert_eq!((world.totals.accepted, world.totals.duplicate), (2, 1));
        let one = &world.ended[0];
        assert_eq!((one.name.as_str(), one.kind.as_str()), ("zorp", "generic"));
        assert_eq!((one.status, one.duration_ms), ("success", Some(5000)));
    }
}

#[test]
fn the_model_prices_counts_and_pairs() {
    let world = world(&[
        json!({"event":"stop","agent_id":"a","model":"claude-haiku-4-5","tools_used":["Z"],
            "tool_calls":{"A":2,"B":1,"C":0},
            "token_usage":{"input_tokens":10,"output_tokens":1,"cache_read_tokens":10}}),
        json!({"event":"stop","agent_id":"b","token_usage":{"input_tokens":10}}),
        json!({"event":"stop","agent_id":"c","token_usage":{"input_tokens":0}}),
        json!({"event":"stop","agent_id":"d","execution_end":"2025-10-15T23:59:59Z"}),
    ]);
    let tally = world.tally(|_| true);
    assert_eq!(
        (tally.cost_micros, tally.unpriced, tally.total),
        (16, 1, 21)
    );
    assert_eq!(world.totals.rejected, 1);
    assert_eq!(world.tool_executions(|_| true).len(), 3);
    let pairs: Vec<String> = world.tool_pairs(|_| true).into_keys().collect();
    assert_eq!(pairs, ["A|B", "A|Z", "B|Z"]);
    assert_eq!(world.tool_calls(|_| true)["A"], 2);
}

#[test]
fn the_random_load_holds_what_is_worth_testing() {
    let lines = shuffled(3000, NOON_MS);
    assert_eq!(lines, shuffled(3000, NOON_MS));
    let world = world(&lines);
    assert!(world.totals.duplicate > 500 && world.totals.rejected == 0);
    assert!(world.active.len() > 30 && world.ended.len() > 800);
    let some = |holds: fn(&Ended) -> bool| world.ended.iter().filter(|one| holds(one)).count();
    assert!(some(|one| one.name == "unknown") > 20);
    assert!(some(|one| one.duration_ms.is_none()) > 20);
    assert!(some(|one| one.used.len() > 12) > 20);
    assert!(some(|one| one.tokens.is_none()) > 20 && some(Ended::unpriced) > 20);
    let days = world.by(Ended::day);
    assert!(days.len() > 5 && world.by(|one| one.kind.clone()).len() > 5);
    let tally = world.tally(|_| true);
    assert!(tally.successes > 100 && tally.failures > 100 && tally.timeouts > 50);
}
