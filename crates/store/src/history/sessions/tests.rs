use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::super::sample::{NOW_MS, Random, TODAY, World, stop};
use super::*;
use agentpulse_core::bucket::{DAY_MS, HOUR_MS};
use agentpulse_core::execution::{Fact, HookFacts, Origin, Stop};
use agentpulse_core::zone::Zone;

/// East and west of UTC, and UTC.
const ZONES: [&str; 3] = ["Asia/Tokyo", "America/Los_Angeles", "UTC"];

fn stopped(session_id: &str, model: Option<String>, ended_ms: i64, status: Status) -> Fact {
    let origin = Origin {
        session_id: Some(session_id.to_owned()),
        model,
        ..Origin::default()
    };
    Fact::Stop(Box::new(Stop {
        origin,
        ..stop(ended_ms, Some(700), status)
    }))
}

/// Executions of ten days in forty sessions, of which some go on for days.
fn world(zone: &str) -> World {
    let (mut world, mut random) = (World::new(), Random(7));
    let zone = Zone::of(TimeZone::get(zone).unwrap()).unwrap();
    world.history.set_zone(&zone, false, |_, _| ()).unwrap();
    for n in 0..400 {
        let number = random.below(40);
        // Two thirds of the sessions are of one day.
        let day = match number % 3 {
            0 => random.below(10),
            _ => number % 10,
        };
        let ended_ms = NOW_MS - (day * 24 + random.below(20)) as i64 * HOUR_MS;
        let status = [Status::Success, Status::Failure][random.below(2) as usize];
        let model = Some(format!("m{}", random.below(3)));
        let stop = stopped(&format!("s{number}"), model, ended_ms, status);
        world.record(&format!("run-{n}"), stop);
        // One of no session.
        let stop = stop_of_none(ended_ms);
        world.record(&format!("other-{n}"), stop);
    }
    world.flush();
    world
}

fn stop_of_none(ended_ms: i64) -> Fact {
    Fact::Stop(Box::new(stop(ended_ms, None, Status::Success)))
}

/// Of each session its executions, oldest end first, by adding up what was recorded.
fn model(world: &World) -> BTreeMap<String, Vec<Arc<Execution>>> {
    let mut sessions: BTreeMap<String, Vec<Arc<Execution>>> = BTreeMap::new();
    for (_, execution) in world.ended().into_iter().rev() {
        let session_id = execution.origin(|origin| &origin.session_id);
        if let Some(session_id) = session_id.map(str::to_owned) {
            sessions.entry(session_id).or_default().push(execution);
        }
    }
    sessions
}

fn ended_ms(execution: &Execution) -> i64 {
    execution.outcome().unwrap().ended_ms
}

/// All pages, each session with its last end.
fn pages(
    reader: &Reader,
    range: &Range<i64>,
    limit: usize,
    (scanned, summed): (usize, i64),
) -> Vec<(String, i64)> {
    let wanted = |session_id: &str| session_id != "s4";
    let only = Only::default();
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let max = Bounds { scanned, summed };
        let read =
            |conn: &Connection| page(conn, &only, (range.clone(), before), &wanted, limit, max);
        let page = reader.db.read(read).unwrap();
        assert!(page.sessions.len() <= limit);
        let ends = page.sessions.into_iter();
        found.extend(ends.map(|one| (one.session_id, one.ended_ms)));
        match page.next {
            None => return found,
            next => before = next,
        }
    }
}

#[test]
fn pages_list_each_session_once_newest_end_first() {
    for zone in ZONES {
        let world = world(zone);
        let (model, reader) = (model(&world), world.reader());
        for range in [
            i64::MIN..i64::MAX,
            NOW_MS - 5 * DAY_MS..i64::MAX,
            i64::MIN..TODAY.utc_start_ms(),
            NOW_MS - 5 * DAY_MS..NOW_MS - DAY_MS,
        ] {
            let expected: BTreeSet<(String, i64)> = model
                .iter()
                .map(|(id, all)| (id.clone(), ended_ms(all.last().unwrap())))
                .filter(|(id, ended_ms)| id != "s4" && range.contains(ended_ms))
                .collect();
            assert!(expected.len() > 3, "{range:?}");
            let whole = (20_000, 20_000);
            for (limit, max) in [(1, whole), (7, whole), (99, whole), (7, (5, 20_000))] {
                let found = pages(&reader, &range, limit, max);
                assert!(found.is_sorted_by(|(_, a), (_, b)| a >= b));
                assert_eq!(found.len(), expected.len(), "{range:?}, {limit}, {max:?}");
                assert_eq!(BTreeSet::from_iter(found), expected, "{range:?}, {limit}");
            }
            let summed = pages(&reader, &range, 99, (20_000, 1));
            assert_eq!(BTreeSet::from_iter(summed), expected, "one session a page");
        }
    }
}

#[test]
fn a_session_is_what_its_executions_add_up_to() {
    for zone in ZONES {
        let world = world(zone);
        let reader = world.reader();
        for (session_id, executions) in model(&world) {
            let found = reader.session(&session_id).unwrap().unwrap();
            let mut sum = Tally::default();
            let mut models = BTreeMap::new();
            for execution in &executions {
                sum += execution.contribution().unwrap().tally;
                let model = execution.model().unwrap().to_owned();
                *models.entry(model).or_default() += 1;
            }
            assert_eq!((found.tally, &found.models), (sum, &models), "{session_id}");
            let starts = executions.iter().filter_map(|one| one.started_ms());
            assert_eq!(found.started_ms, starts.min());
            assert_eq!(found.ended_ms, ended_ms(executions.last().unwrap()));
            assert_eq!(found.turns, 0);
            let mut ids = Vec::new();
            let push = |one: Arc<Execution>| ids.push((ended_ms(&one), one.id.clone()));
            reader.each_of_session(&session_id, push).unwrap();
            assert!(ids.is_sorted_by(|(a, _), (b, _)| a >= b));
            let expected = executions.iter().map(|one| (ended_ms(one), one.id.clone()));
            let ids = BTreeSet::from_iter(ids);
            assert_eq!(ids, expected.collect());

            let mut rest = found;
            executions.iter().for_each(|one| rest.leave_out(one));
            assert!(rest.tally.is_zero() && rest.models.is_empty());
        }
        assert_eq!(reader.session("nobody").unwrap(), None);
    }
}

#[test]
fn a_session_ended_as_its_last_turn_did() {
    let mut world = World::new();
    for (id, ended_ms, status, kind) in [
        ("main-1", NOW_MS - 9_000, Status::Success, Kind::Main),
        ("main-2", NOW_MS - 5_000, Status::Failure, Kind::Main),
        // Only its id looks like one.
        ("main-3", NOW_MS - 4_000, Status::Success, Kind::Agent),
        ("late", NOW_MS, Status::Success, Kind::Agent),
    ] {
        world.record(id, stopped("s", None, ended_ms, status));
        let hooked = HookFacts {
            kind: Some(kind),
            ..HookFacts::default()
        };
        world.describe(id, hooked);
    }
    world.flush();
    let found = world.reader().session("s").unwrap().unwrap();
    assert_eq!((found.turns, found.status), (2, Status::Failure));
    assert_eq!(found.ended_ms, NOW_MS);
}
