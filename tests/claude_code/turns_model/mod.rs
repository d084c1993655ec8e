//! The turns of main threads and of their agents at random, against a model of the set of their
//! hooks and lines: whatever is lost, comes twice, late, through the spool or in another order, and
//! through a kill -9 of the daemon.

mod expected;
mod history;
mod told;

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use self::expected::When;
use self::history::{Session, Way, session};
use self::told::{Told, arriving, spool};
use crate::claude_code::captured::start;
use crate::claude_code::numbers::agree;
use crate::harness::{DEADLINE, Daemon, PAUSE, eventually, folder};
use crate::promises::sized;

/// Of one daemon.
const SESSIONS: usize = 60;
/// After this a smaller session is taken not to come out as it should.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_SMALLER: usize = 24;

#[test]
fn turns_come_out_as_the_model_says_in_any_order() {
    for round in 0..sized(1, 20) {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[round; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let place = folder();
        let mut daemon = start(place.path());
        let trees = (0..SESSIONS).map(|_| session().new_tree(&mut runner).expect("a session"));
        let mut trees: Vec<_> = trees.collect();
        let sessions = trees.iter().enumerate();
        let told: Vec<Told> = sessions
            .map(|(n, tree)| Told::new(place.path(), &format!("r{round}s{n}"), tree.current()))
            .collect();
        deliver(&mut daemon, &told);
        for (one, tree) in told.iter().zip(&mut trees) {
            let held = within(DEADLINE, || one.holds(&daemon, When::BeforeDeadlines));
            if let Err(reason) = held {
                let smallest = smallest(&mut daemon, place.path(), tree);
                panic!("round {round}: {}", smallest.unwrap_or(reason));
            }
        }
        nothing_is_new(&daemon, &told, When::BeforeDeadlines);
        pass_deadlines(&mut daemon);
        for one in &told {
            eventually("what has timed out", || {
                one.holds(&daemon, When::AfterDeadlines)
            });
        }
        nothing_is_new(&daemon, &told, When::AfterDeadlines);
        totals_hold(&daemon, &told);
        agree(&daemon);
    }
}

/// Half before a kill -9, half after it; what goes through the spool meanwhile, or while it runs.
fn deliver(daemon: &mut Daemon, told: &[Told]) {
    let lines = arriving(told);
    let part = |is_before, through: fn(&Way) -> bool| -> Vec<Value> {
        let part = lines
            .iter()
            .filter(|(before, way, _)| *before == is_before && through(way));
        part.map(|(_, _, line)| line.clone()).collect()
    };
    let spooled: fn(&Way) -> bool = |way| *way == Way::Spool;
    let sent: fn(&Way) -> bool = |way| *way != Way::Spool;
    send(daemon, &part(true, sent));
    daemon.kill9();
    part(true, spooled)
        .iter()
        .for_each(|line| spool(daemon, line));
    daemon.restart();
    part(false, spooled)
        .iter()
        .for_each(|line| spool(daemon, line));
    send(daemon, &part(false, sent));
    told.iter().for_each(Told::write_late);
}

fn send(daemon: &Daemon, lines: &[Value]) {
    let (_, answer) = daemon.send(lines);
    assert_eq!(answer.totals.rejected, 0, "{answer:?}");
}

/// What the smallest session comes to that still does not come out as it should.
fn smallest(
    daemon: &mut Daemon,
    roots: &Path,
    tree: &mut impl ValueTree<Value = Session>,
) -> Option<String> {
    let mut smallest = None;
    let mut is_other = tree.simplify();
    for n in 0..MAX_SMALLER {
        if !is_other {
            break;
        }
        let told = [Told::new(roots, &format!("smaller{n}"), tree.current())];
        deliver(daemon, &told);
        let held = within(PATIENCE, || told[0].holds(daemon, When::BeforeDeadlines));
        is_other = match held {
            Ok(()) => tree.complicate(),
            Err(reason) => {
                smallest = Some(reason);
                tree.simplify()
            }
        };
    }
    smallest
}

fn within(patience: Duration, ask: impl Fn() -> Result<(), String>) -> Result<(), String> {
    let begin = Instant::now();
    loop {
        match ask() {
            Err(_) if begin.elapsed() < patience => std::thread::park_timeout(PAUSE),
            held => return held,
        }
    }
}

/// All lines once more: none is accepted, and no number changes.
fn nothing_is_new(daemon: &Daemon, told: &[Told], when: When) {
    eventually("the spool is empty", || {
        let files = std::fs::read_dir(daemon.data.join("spool")).map_err(|e| e.to_string())?;
        match files.count() {
            0 => Ok(()),
            files => Err(format!("{files} files")),
        }
    });
    let lines: Vec<Value> = arriving(told)
        .into_iter()
        .map(|(_, _, line)| line)
        .collect();
    let (_, again) = daemon.send(&lines);
    assert_eq!(again.totals.accepted, 0, "lines that come again");
    for one in told {
        one.holds(daemon, when).expect("nothing has changed");
    }
}

/// What nobody has ended times out.
fn pass_deadlines(daemon: &mut Daemon) {
    let setup = daemon.setup.clone();
    let setup = setup.set("reaper.idle_timeout", "\"1s\"");
    daemon.setup = setup.set("reaper.tool_timeout", "\"1s\"");
    daemon.restart();
}

/// All that the model counts is in the totals, and nothing else.
fn totals_hold(daemon: &Daemon, told: &[Told]) {
    let all = told.iter().map(|one| one.expected(When::AfterDeadlines));
    let all: Vec<Value> = all.flat_map(|all| all.into_values()).collect();
    let tokens = |one: &Value| -> u64 {
        let both = one["tokens"].as_array().into_iter().flatten();
        both.filter_map(Value::as_u64).sum()
    };
    let tokens: u64 = all.iter().map(tokens).sum();
    eventually("the totals of the model", || {
        let told = daemon.read("/api/agents/metrics/daily?days=2")?;
        let days = told["daily"].as_array().ok_or("no list")?;
        let sum = |field: &str| -> i64 { days.iter().filter_map(|day| day[field].as_i64()).sum() };
        let found = (sum("total_executions"), sum("total_tokens"));
        match found == (all.len() as i64, tokens as i64) {
            true => Ok(()),
            false => Err(format!("{found:?}, expected {} and {tokens}", all.len())),
        }
    });
}
