//! Sums that would pass their limit, against a naive model.

use super::rollups::add_sums;
use super::sample::{NOW_MS, Random, TODAY, World, start, stop};
use agentpulse_core::bucket::Day;
use agentpulse_core::dimension::{Dimension, NONE};
use agentpulse_core::execution::{Fact, Status, TokenUsage};
use agentpulse_core::sum::MAX_SUM;
use agentpulse_core::sums::{Sums, ToolSum};
use agentpulse_core::tally::Tally;

/// As many executions more, with so many tokens and calls.
fn adding(day: Day, executions: i64, more: i64) -> Sums<'static> {
    let tally = Tally {
        execution_count: executions,
        total_tokens: more,
        ..Tally::default()
    };
    let mut sums = Sums::default();
    sums.by_mut(Dimension::Day).insert((day.0, NONE), tally);
    sums.by_mut(Dimension::Model).insert((day.0, "m"), tally);
    let tool = ToolSum {
        calls: more,
        executions,
    };
    sums.tools.insert((day, "t", "Tool0"), tool);
    sums
}

fn add(world: &World, sums: &Sums) -> u64 {
    let db = &world.history.db;
    db.read(|conn| add_sums(conn, sums)).unwrap()
}

#[test]
fn any_sums_are_those_of_a_naive_model() {
    let (world, mut random) = (World::new(), Random(7));
    let (mut at_limit, mut below, mut counted, mut expected) = (0, 0, 0, 0);
    let mut all = 0_i128;
    let days = 24;
    for back in 0..days {
        let day = TODAY.back(back);
        let mut model = 0_i128;
        for _ in 0..40 {
            let size = 1 << (50 + random.below(11));
            let more = i128::from(random.below(size)).min(MAX_SUM.into());
            let more = match random.below(3) {
                0 => -more.min(model),
                _ => more,
            };
            // Once at the limit it stays there.
            if model < MAX_SUM.into() {
                model = (model + more).min(MAX_SUM.into());
            }
            let is_at_limit = model == i128::from(MAX_SUM);
            // A bucket of days, one of models and one of tools.
            expected += if is_at_limit { 3 } else { 0 };
            counted += add(&world, &adding(day, 1, more as i64));
            let reader = world.reader();
            let found = reader.days(day, day).unwrap()[0].tally;
            assert_eq!(i128::from(found.total_tokens), model);
            let (found, _) = &reader.type_tool_sums(day, day)[0];
            assert_eq!(i128::from(found.calls), model);
            match is_at_limit {
                true => at_limit += 1,
                false => below += 1,
            }
        }
        all += model;
    }
    assert_eq!(counted, expected);
    assert!(at_limit > 50 && below > 50, "{at_limit}, {below}");
    // Beyond 64 bits, where `sum` fails.
    assert!(all > i128::from(i64::MAX), "{all} says little");
    let reader = world.reader();
    let found = reader.costliest(Dimension::Model, TODAY.back(days), TODAY, 9);
    let (name, tally) = &found.unwrap().rows[0];
    assert_eq!((&**name, tally.total_tokens), ("m", MAX_SUM));
    assert_eq!(tally.execution_count, i64::from(days) * 40);
}

#[test]
fn a_range_below_the_limit_is_exact() {
    let world = World::new();
    let odd = [1_i64 << 53, 3, (1 << 53) + 1, 4_294_967_295, 4_294_967_296];
    for (back, more) in (0..).zip(odd) {
        add(&world, &adding(TODAY.back(back), 1, more));
    }
    let found = world
        .reader()
        .costliest(Dimension::Model, TODAY.back(9), TODAY, 9);
    assert_eq!(
        found.unwrap().rows[0].1.total_tokens,
        odd.iter().sum::<i64>()
    );
    let tools = world.reader().type_tool_sums(TODAY.back(9), TODAY);
    assert_eq!(
        tools.iter().map(|(tool, _)| tool.calls).sum::<i64>(),
        odd.iter().sum::<i64>()
    );
}

#[test]
fn a_bucket_at_its_limit_goes_with_its_last_execution() {
    let world = World::new();
    add(&world, &adding(TODAY, 2, MAX_SUM));
    add(&world, &adding(TODAY, -1, -MAX_SUM));
    assert_eq!(
        world.reader().days(TODAY, TODAY).unwrap()[0]
            .tally
            .total_tokens,
        MAX_SUM
    );
    add(&world, &adding(TODAY, -1, -MAX_SUM));
    assert_eq!(world.reader().days(TODAY, TODAY).unwrap(), []);
    // Nor is a bucket made by what is taken away from one that was pruned.
    add(&world, &adding(TODAY, -1, -5));
    assert_eq!(world.reader().days(TODAY, TODAY).unwrap(), []);
}

#[test]
fn sums_stored_beyond_the_limit_are_at_it() {
    let mut world = World::new();
    let mut huge = stop(NOW_MS, None, Status::Success);
    huge.token_usage = Some(TokenUsage {
        total_tokens: i64::MAX as u64,
        cost_micros: Some(i64::MAX),
        ..TokenUsage::default()
    });
    world.record("a", Fact::Stop(Box::new(huge)));
    world.flush();
    let tally = world.reader().days(TODAY, TODAY).unwrap()[0].tally;
    assert_eq!(
        (tally.total_tokens, tally.cost_micros),
        (1_000_000_000_000, 1_000_000_000_000)
    );
    let db = &world.history.db;
    let stored = "UPDATE tallies SET total_tokens = 9223372036854775807;
                  UPDATE totals SET value = 9223372036854775807, peak = 9223372036854775807
                  WHERE name = 'tokens'";
    db.read(|conn| conn.execute_batch(stored)).unwrap();
    // It gets its name, which moves it to another bucket.
    world.record("a", start("late", NOW_MS));
    world.flush();
    let reader = world.reader();
    assert_eq!(
        reader.days(TODAY, TODAY).unwrap()[0].tally.total_tokens,
        MAX_SUM
    );
    let agents = reader.costliest(Dimension::Agent, TODAY, TODAY, 9).unwrap();
    assert_eq!(agents.rest.total_tokens, MAX_SUM - 1_000_000_000_000);
    let agents = agents.rows;
    assert_eq!(agents.len(), 1, "{agents:?}");
    assert_eq!(
        (&*agents[0].0, agents[0].1.total_tokens),
        ("late", 1_000_000_000_000)
    );
    let totals = reader.totals().unwrap().counted;
    let tokens = totals.iter().filter(|total| total.name == "tokens");
    assert!(tokens.map(|total| total.count).eq([MAX_SUM]), "{totals:?}");
}
