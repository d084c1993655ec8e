//! How SQLite finds what it is asked for: no question of a reader looks at a whole table.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use rusqlite::StatementStatus;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::columns::of;
use super::sample::{NAMED, NOW_MS, TODAY, World};
use super::{Filter, Position, Reader};
use crate::sqlite::Result;
use agentpulse_core::bucket::Hour;
use agentpulse_core::dimension::Dimension;
use agentpulse_core::execution::Status;
use agentpulse_core::names::NameKind;

thread_local! {
    static STATEMENTS: RefCell<BTreeSet<String>> = RefCell::default();
    static STEPS: Cell<usize> = const { Cell::new(0) };
}

fn note(event: TraceEvent) {
    match event {
        TraceEvent::Stmt(_, sql) => {
            STATEMENTS.with_borrow_mut(|statements| statements.insert(sql.to_owned()));
        }
        TraceEvent::Profile(statement, _) => {
            let steps = statement.get_status(StatementStatus::VmStep);
            STEPS.set(STEPS.get() + steps.max(0) as usize);
        }
        _ => {}
    }
}

/// The statements that `f` runs, and the steps that they take together.
fn traced(reader: &Reader, f: impl FnOnce(&Reader) -> Result<()>) -> (BTreeSet<String>, usize) {
    let codes = TraceEventCodes::SQLITE_TRACE_STMT | TraceEventCodes::SQLITE_TRACE_PROFILE;
    let trace = |note| {
        let set = reader.db.read(|conn| {
            conn.trace_v2(codes, note);
            Ok(())
        });
        set.unwrap();
    };
    trace(Some(note));
    f(reader).unwrap();
    trace(None);
    (STATEMENTS.take(), STEPS.take())
}

/// Asks everything that is asked while the daemon runs, but for the one look at all rows that a
/// rebuild takes, and the export's.
fn ask_all(reader: &Reader) -> Result<()> {
    let (from, to) = (TODAY.back(9), TODAY);
    reader.find(&["run-1", "nobody"])?;
    reader.each_running(|_| {})?;
    reader.running_count()?;
    reader.unread(9)?;
    reader.has_agent("agent-1")?;
    reader.count()?;
    reader.cursor()?;
    reader.counters()?;
    reader.totals()?;
    reader.each_hour(Hour(0), Hour::of(NOW_MS), |_| {})?;
    reader.days(from, to)?;
    reader.each_agent_day(from, to, |_| {})?;
    reader.agent_days("agent-1", from, to)?;
    for kind in NameKind::ALL {
        reader.names(kind, to)?;
    }
    reader.counted_days(from)?;
    reader.each_type_tool(from, to, |_, _| {})?;
    reader.each_pair(from, to, |_| {})?;
    reader.slowest("agent-1", from, to, 9)?;
    reader.slowest_where(&|_, _| true, from, to, 9)?;
    reader.failed("agent-1", 9)?;
    reader.failed_where(&|_| true, to, 9)?;
    reader.ended_since(0, 9)?;
    reader.ended_of_failing(0, 9, 9)?;
    reader.ended_of("agent-1", 0, 9)?;
    let before = Position {
        ended_ms: NOW_MS,
        rowid: 1,
    };
    reader.sessions(0..NOW_MS, Some(before), &|_| true, 9)?;
    reader.each_of_session("session-1", |_| {})?;
    for by in NAMED {
        reader.costliest(by, from, to, 9)?;
    }
    let text = |text: &str| Some(text.to_owned());
    for agent_name in [None, text("agent-1")] {
        for status in [None, Some(Status::Failure)] {
            for session_id in [None, text("session-1")] {
                let filter = Filter {
                    agent_name: agent_name.clone(),
                    status,
                    session_id,
                    ..Filter::default()
                };
                let before = Position {
                    ended_ms: NOW_MS,
                    rowid: 1,
                };
                reader.executions(&filter, Some(before), 9)?;
            }
        }
    }
    Ok(())
}

#[test]
fn no_question_looks_at_a_whole_table() {
    let world = World::any();
    let reader = world.reader();
    let (statements, _) = traced(&reader, ask_all);
    assert!(statements.len() > 25, "{statements:#?}");
    for sql in statements.iter().filter(|sql| sql.contains("FROM")) {
        for step in plan(&reader, sql) {
            assert!(!is_whole(&step, sql), "{step}, of: {sql}");
        }
    }
    // What it must refuse.
    let whole = "SELECT id FROM executions WHERE session_id = 'x'";
    let is_refused = |sql: &str| plan(&reader, sql).iter().any(|step| is_whole(step, sql));
    assert!(is_refused(whole));
    let of_sessions = of(Dimension::Session);
    let whole = format!("SELECT sum(cost_micros) FROM tallies WHERE {of_sessions} AND bucket > 1");
    assert!(is_refused(&whole));
    assert!(is_refused(
        "SELECT sum(cost_micros) FROM tallies WHERE bucket = 1"
    ));
}

#[test]
fn costs_of_sessions_take_steps_for_those_that_are_listed() {
    let world = World::any();
    let steps = |limit| {
        let ask = |reader: &Reader| {
            let sessions = reader.costliest(Dimension::Session, TODAY.back(9), TODAY, limit)?;
            assert_eq!(sessions.rows.len(), limit);
            Ok(())
        };
        traced(&world.reader(), ask).1
    };
    let few = steps(5);
    // Ten thousand more sessions on each of two days, all cheaper than those.
    let zeros = "0, ".repeat(11);
    let fill = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO tallies SELECT {}, day, 'more-' || i, 1, {zeros} 0, NULL, NULL, NULL
         FROM n, (SELECT {} AS day UNION SELECT {})",
        Dimension::Session.row().code,
        TODAY.0,
        TODAY.back(1).0
    );
    let filled = world.history.db.read(|conn| conn.execute(&fill, []));
    assert_eq!(filled.unwrap(), 20_000);
    assert!(steps(5) <= few, "{} steps instead of {few}", steps(5));
}

fn plan(reader: &Reader, sql: &str) -> Vec<String> {
    let explain = format!("EXPLAIN QUERY PLAN {sql}");
    reader
        .db
        .read(|conn| {
            let mut explain = conn.prepare(&explain)?;
            let steps = explain.raw_query().mapped(|row| row.get("detail"));
            steps.collect()
        })
        .unwrap()
}

/// An index of what runs holds no more than runs, one of what is to be read is left after the first
/// rows. The small tables grow with nothing that clients say: one row, the counters, and the sums
/// of names that are capped. Of sessions there are as many as clients say, also within some days.
fn is_whole(step: &str, sql: &str) -> bool {
    let small = ["cursor", "counters", "totals", "CONSTANT ROW", "("];
    let bounded = ["executions_running", "executions_unread"];
    let scans = step.strip_prefix("SCAN ").is_some_and(|rest| {
        let is_bounded = bounded.iter().any(|index| rest.ends_with(index));
        !is_bounded && !small.iter().any(|name| rest.starts_with(name))
    });
    let is_of_sessions = sql.contains(&of(Dimension::Session));
    scans
        || is_of_sessions
            && step.starts_with("SEARCH tallies")
            && step.contains("bucket>")
            && !step.contains("key=?")
}
