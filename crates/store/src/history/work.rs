//! How many statements a flush runs, and what it writes. Both are counted and not timed, so that
//! the numbers are the same on every machine.

use std::cell::Cell;

use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::sample::{NOW_MS, World, stop_of};
use agentpulse_core::execution::Status;

thread_local! {
    static STATEMENTS: Cell<usize> = const { Cell::new(0) };
}

fn count(event: TraceEvent) {
    if let TraceEvent::Stmt(..) = event {
        STATEMENTS.set(STATEMENTS.get() + 1);
    }
}

/// The statements that one flush of all that is pending runs.
fn flush(world: &mut World) -> usize {
    let trace = |world: &World, count| {
        let set = world.history.db.read(|conn| {
            conn.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, count);
            Ok(())
        });
        set.unwrap();
    };
    trace(world, Some(count));
    world.flush();
    trace(world, None);
    STATEMENTS.take()
}

#[test]
fn a_flush_runs_one_statement_an_execution_and_few_a_bucket() {
    const EXECUTIONS: usize = 10_000;
    let mut world = World::new();
    for n in 0..EXECUTIONS {
        let agent = format!("agent-{}", n % 20);
        world.record(
            &format!("run-{n}"),
            stop_of(&agent, NOW_MS, 5, Status::Success),
        );
    }
    let statements = flush(&mut world);
    assert!(statements >= EXECUTIONS, "the statements are counted");
    // Today 104: of twenty agents, one hour and one day, and each look of the triggers of tallies.
    let beside = statements - EXECUTIONS;
    assert!(
        beside <= 120,
        "{beside} statements beside those of executions"
    );
}

#[test]
fn a_flush_writes_little_more_than_the_rows() {
    const EXECUTIONS: u64 = 8_192;
    let mut world = World::new();
    let flush = |world: &mut World, prefix: &str| {
        for n in 0..EXECUTIONS {
            let agent = format!("agent-{}", n % 20);
            let id = format!("{prefix}-{n}");
            world.record(&id, stop_of(&agent, NOW_MS, 5, Status::Success));
        }
        let before = world.history.wal_bytes();
        world.flush();
        (world.history.wal_bytes() - before) / EXECUTIONS
    };
    flush(&mut world, "first");
    let beside_others = flush(&mut world, "second");
    // Today 400.
    let most = 480;
    assert!(
        beside_others <= most,
        "{beside_others} bytes of the log an execution, and not {most}"
    );
}
