use super::super::sample::{NOW_MS, Random, TODAY, World, stop_of};
use super::super::{Reader, Wanted};
use super::*;
use agentpulse_core::bucket::DAY_MS;
use agentpulse_core::execution::Status;
use agentpulse_core::kind::Kind;
use jiff::tz::TimeZone;

const WANTED: Wanted = Wanted {
    ended_ms: 0..NOW_MS + 1,
    sessions: false,
};

fn add_all(world: &mut World, max_rows: usize) {
    while world.history.add_to_facets(TODAY, max_rows).unwrap() {}
}

fn choices() -> Vec<Only> {
    let name = |name: &str| Some(name.to_owned());
    let all = Only::default();
    vec![
        Only {
            project: name("project-1"),
            ..all.clone()
        },
        Only {
            project: name("nowhere"),
            ..all.clone()
        },
        Only {
            branch: name("branch-0"),
            host: name("host-1"),
            ..all.clone()
        },
        Only {
            kind: Some(Kind::Main),
            ..all.clone()
        },
        Only {
            kind: Some(Kind::default()),
            host: name("host-0"),
            ..all
        },
    ]
}

/// What rollups say of the days before today; none of it is read from executions.
fn answers(reader: &Reader) -> Result<String> {
    let (from, to) = (Day(0), TODAY.back(1));
    let (first, last) = (reader.zone().hours_of(from).0, reader.zone().hours_of(to).1);
    Ok(format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        reader.hours(first, last),
        reader.days(from, to)?,
        reader.all_agent_days(from, to),
        reader.type_tool_sums(from, to),
        reader.pairs(from, to),
        reader.costliest(Dimension::Model, from, to, 9)?,
    ))
}

fn chosen(reader: &Reader) -> Vec<String> {
    let answer = |only| reader.only(&only, &WANTED, answers).unwrap();
    choices().into_iter().map(answer).collect()
}

/// The same of histories that have these executions alone.
fn expected(world: &World) -> Vec<String> {
    let answer = |only: Only| {
        let mut alone = World::new();
        for (_, one) in world.executions.values().filter(|(_, one)| only.takes(one)) {
            alone.put(one.clone());
        }
        alone.flush();
        answers(&alone.reader()).unwrap()
    };
    choices().into_iter().map(answer).collect()
}

fn faceted(world: &World) -> usize {
    let all = "SELECT count(*) FROM faceted_days WHERE after_ms IS NULL";
    let count = |conn: &Connection| conn.query_row(all, [], |row| row.get::<_, i64>(0));
    world.history.db.read(count).unwrap() as usize
}

fn rows(world: &World) -> i64 {
    let count = |conn: &Connection| {
        let mut all = 0;
        for table in ROLLUPS.iter().chain(&["facets", "faceted_days"]) {
            let sql = format!("SELECT count(*) FROM {table}");
            all += conn.query_row(&sql, [], |row| row.get::<_, i64>(0))?;
        }
        Ok(all)
    };
    world.history.db.read(count).unwrap()
}

#[test]
fn days_that_are_over_are_read_from_their_facets() {
    let mut world = World::any();
    let days = world.reader().counted_days(Day(0)).unwrap().len();
    add_all(&mut world, 7);
    assert_eq!(faceted(&world), days - 1, "all but today");
    // What is read afterwards can only be of facets.
    let delete = "DELETE FROM executions WHERE ended_ms < ?1";
    let before_ms = TODAY.utc_start_ms();
    let deleted = world
        .history
        .db
        .read(|conn| conn.execute(delete, [before_ms]));
    assert!(deleted.unwrap() > 100);
    assert_eq!(chosen(&world.reader()), expected(&world));
}

#[test]
fn a_day_that_changes_is_read_from_its_executions_until_it_has_new_facets() {
    let (mut world, mut random) = (World::any(), Random(7));
    for round in 0..6 {
        add_all(&mut world, 50);
        // Some days at once: it goes on where the others are half done.
        for n in 0..20 {
            world.record(&format!("late-{round}-{n}"), random.fact());
            world.record(&format!("run-{}", random.below(500)), random.fact());
            if n % 5 == 0 {
                world.flush();
                world.history.add_to_facets(TODAY, 3).unwrap();
            }
        }
        world.flush();
        assert_eq!(chosen(&world.reader()), expected(&world), "{round}");
    }
    let late = stop_of("agent-1", NOW_MS - 3 * DAY_MS, 5, Status::Success);
    add_all(&mut world, 50);
    world.record("late", late);
    world.flush();
    let days = world.reader().counted_days(Day(0)).unwrap().len();
    assert_eq!(faceted(&world), days - 2, "all but this one and today");
}

#[test]
fn facets_go_with_their_days_and_are_those_of_the_zone() {
    let mut world = World::any();
    add_all(&mut world, 100);
    let zone = Zone::of(TimeZone::get("Asia/Kathmandu").unwrap()).unwrap();
    world.history.set_zone(&zone, false, |_, _| {}).unwrap();
    assert_eq!(rows(&world), 0);
    add_all(&mut world, 100);
    assert!(rows(&world) > 100);
    while world.history.prune(TODAY, 50).unwrap().rows() > 0 {}
    assert_eq!(rows(&world), 0);
}
