use std::collections::BTreeMap;

use super::super::sample::{NOW_MS, Random, TODAY, World, start, stop, stop_of};
use super::*;
use agentpulse_core::bucket::{DAY_MS, HOUR_MS, Hour};
use agentpulse_core::execution::{Fact, Status};
use agentpulse_core::names::{NameLimits, Names};

const ALWAYS: (Day, Day) = (Day(0), Day(100_000));
/// 2026-10-25T00:00Z: at 01:00Z clocks in Berlin are set back from two hours ahead to one.
const AUTUMN_MS: i64 = 20_751 * DAY_MS;

fn zone(name: &str) -> Zone {
    Zone::of(TimeZone::get(name).unwrap()).unwrap()
}

fn set(world: &mut World, name: &str) -> Option<Day> {
    let calendar = world.history.set_zone(&zone(name), false, |_, _| ());
    calendar.unwrap().since
}

/// All that is asked by day or by hour.
fn answers(world: &World) -> String {
    let (reader, (from, to)) = (world.reader(), ALWAYS);
    let days_of_rows = reader.db.read(|conn| {
        let mut select = conn.prepare("SELECT id, day FROM executions ORDER BY id")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<(String, Option<i32>)>>>()
    });
    let costliest = |dimension| reader.costliest(dimension, from, to, 1_000).unwrap();
    format!(
        "{:#?}",
        (
            reader.days(from, to).unwrap(),
            reader.all_agent_days(from, to),
            reader.hours(Hour(0), Hour(to.0 * 24)),
            reader.type_tool_sums(from, to),
            reader.pairs(from, to),
            (costliest(Dimension::Model), costliest(Dimension::Session)),
            reader.slowest("agent-0", from, to, 1_000).unwrap(),
            days_of_rows.unwrap(),
        )
    )
}

/// Executions and corrections of ten days, in a history of that zone, or of UTC at first.
fn world_of(zone: Option<&str>) -> World {
    let (mut world, mut random) = (World::new(), Random(7));
    if let Some(zone) = zone {
        assert_eq!(set(&mut world, zone), None);
    }
    for _ in 0..12 {
        for _ in 0..80 {
            let id = format!("run-{}", random.below(400));
            world.record(&id, random.fact());
        }
        world.flush();
    }
    world
}

#[test]
fn what_is_counted_again_is_what_would_have_been_counted() {
    let mut moved = world_of(None);
    let utc = answers(&moved);
    for name in ["Asia/Kolkata", "America/New_York", "Europe/Berlin", "UTC"] {
        assert_eq!(set(&mut moved, name), None, "{name}");
        assert_eq!(moved.reader().zone().name(), name);
        let fresh = world_of(Some(name));
        assert_eq!(answers(&moved), answers(&fresh), "{name}");
        assert_eq!(answers(&moved) == utc, name == "UTC");
    }
    // It goes on so: corrections find what they take away.
    let mut fresh = world_of(Some("Asia/Kolkata"));
    set(&mut moved, "Asia/Kolkata");
    for world in [&mut moved, &mut fresh] {
        let mut random = Random(8);
        for _ in 0..200 {
            let id = format!("run-{}", random.below(400));
            world.record(&id, random.fact());
        }
        world.flush();
    }
    assert_eq!(answers(&moved), answers(&fresh));
}

/// The days are counted by hand: a date of Berlin for each end.
#[test]
fn an_end_is_of_the_date_that_clocks_show() {
    let ends = [
        // 23:59 of the 24th, and 00:00 of the 25th, two hours ahead of UTC.
        ("before", AUTUMN_MS - 2 * HOUR_MS - 1, "2026-10-24"),
        ("first", AUTUMN_MS - 2 * HOUR_MS, "2026-10-25"),
        // 02:30, twice.
        ("early", AUTUMN_MS + HOUR_MS / 2, "2026-10-25"),
        ("late", AUTUMN_MS + 3 * HOUR_MS / 2, "2026-10-25"),
        // 23:59 of the 25th, one hour ahead.
        ("last", AUTUMN_MS + 23 * HOUR_MS - 1, "2026-10-25"),
        ("after", AUTUMN_MS + 23 * HOUR_MS, "2026-10-26"),
    ];
    for is_moved in [false, true] {
        let mut world = World::new();
        if !is_moved {
            set(&mut world, "Europe/Berlin");
        }
        let mut expected: BTreeMap<String, i64> = BTreeMap::new();
        for (id, ended_ms, date) in ends {
            world.record(id, stop_of("x", ended_ms, 7, Status::Success));
            *expected.entry(date.to_owned()).or_default() += 1;
        }
        world.flush();
        if is_moved {
            set(&mut world, "Europe/Berlin");
        }
        let days = world.reader().days(ALWAYS.0, ALWAYS.1).unwrap();
        let found = days
            .iter()
            .map(|row| (row.day.to_string(), row.tally.execution_count));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
        // The hour on the clock that came twice is one.
        let names = Names::new(
            NameLimits {
                agents: 1,
                types: 1,
                tools: 1,
            },
            zone("Europe/Berlin"),
            TODAY,
        );
        let day = Day::parse("2026-10-25").unwrap();
        let parts = world
            .reader()
            .relabelled_day_parts(day, day, &names)
            .unwrap();
        let hours: Vec<(i32, i64)> = parts[0].by_hour.clone().into_iter().collect();
        assert_eq!(hours, [(0, 1), (2, 2), (23, 1)]);
    }
}

#[test]
fn what_was_deleted_stays_where_it_was_counted() {
    let total = |world: &World| {
        let days = world.reader().days(ALWAYS.0, ALWAYS.1).unwrap();
        days.iter()
            .map(|row| row.tally.execution_count)
            .sum::<i64>()
    };
    // One an hour, of ten days of UTC.
    let mut world = World::new();
    let first_ms = TODAY.back(9).utc_start_ms();
    for hour in 0..240 {
        let ended_ms = first_ms + hour * HOUR_MS + 5;
        world.record(
            &format!("run-{hour}"),
            stop_of("x", ended_ms, 1, Status::Success),
        );
    }
    world.flush();
    // A prune that is interrupted has deleted 36 executions, and no sum.
    assert_eq!(
        world.history.prune(TODAY.back(5), 36).unwrap().executions,
        36
    );
    assert_eq!(total(&world), 240);

    // Kolkata is 5:30 ahead: the day that has begun there at 18:30Z of the 8th day before.
    let since = set(&mut world, "Asia/Kolkata");
    assert_eq!(since, Some(TODAY.back(7)));
    assert_eq!(total(&world), 240);
    let of = |world: &World, day: Day| {
        let days = world.reader().days(day, day).unwrap();
        days.first().map_or(0, |row| row.tally.execution_count)
    };
    // The ninth day before is as it was; of the eighth 12 are deleted, and 12 are kept, of which
    // the last five are of the next day now.
    assert_eq!(of(&world, TODAY.back(9)), 24);
    assert_eq!(of(&world, TODAY.back(8)), 24 - 5);
    assert_eq!(of(&world, TODAY.back(7)), 24);
    assert_eq!(of(&world, Day(TODAY.0 + 1)), 5);
    let recorded = world.history.recorded_zone().unwrap().unwrap();
    assert_eq!((recorded.calendar.since, recorded.is_local), (since, false));

    // Another change leaves it there again, until it is deleted as well.
    assert_eq!(set(&mut world, "UTC"), Some(TODAY.back(7)));
    assert_eq!(
        (of(&world, TODAY.back(9)), of(&world, TODAY.back(8))),
        (24, 24)
    );
    while world.history.prune(TODAY.back(5), 50).unwrap().rows() == 50 {}
    assert_eq!(set(&mut world, "America/New_York"), None);
    assert_eq!(total(&world), 6 * 24);
}

#[test]
fn a_history_without_executions_keeps_the_days_that_it_has() {
    let mut world = World::new();
    world.record("a", stop_of("x", NOW_MS, 1, Status::Success));
    world.flush();
    let delete = "DELETE FROM executions";
    world
        .history
        .db
        .read(|conn| conn.execute(delete, []))
        .unwrap();
    assert_eq!(set(&mut world, "Asia/Kolkata"), Some(Day(TODAY.0 + 1)));
}

#[test]
fn a_change_that_fails_leaves_the_old_days() {
    let mut world = world_of(None);
    world.record("b", start("x", NOW_MS));
    world.record(
        "c",
        Fact::Stop(Box::new(stop(NOW_MS, None, Status::Failure))),
    );
    world.flush();
    let before = answers(&world);
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON zone
                  BEGIN SELECT RAISE(ABORT, 'refused'); END";
    let db = &world.history.db;
    db.read(|conn| conn.execute_batch(refuse)).unwrap();
    let berlin = zone("Asia/Kolkata");
    assert!(world.history.set_zone(&berlin, false, |_, _| ()).is_err());
    assert_eq!(world.history.zone(), &Zone::utc());
    assert_eq!(world.history.recorded_zone().unwrap(), None);
    assert_eq!(answers(&world), before);
}

#[test]
fn progress_ends_with_all_executions() {
    let mut world = world_of(None);
    let mut shown = Vec::new();
    let kolkata = zone("Asia/Kolkata");
    let progress = |done, total| shown.push((done, total));
    world.history.set_zone(&kolkata, true, progress).unwrap();
    let ended = world.ended().len() as u64;
    assert_eq!(shown.last(), Some(&(ended, ended)));
    assert!(world.history.recorded_zone().unwrap().unwrap().is_local);
}

#[test]
fn a_zone_that_no_database_has_is_damage() {
    let mut world = World::new();
    set(&mut world, "Asia/Kolkata");
    let rename = "UPDATE zone SET name = 'Atlantis/Centre'";
    world
        .history
        .db
        .read(|conn| conn.execute(rename, []))
        .unwrap();
    let error = History::open(&world.path).err().unwrap();
    assert!(error.is_corrupt(), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("Atlantis/Centre"), "{cause}");
}
