//! Any order, any repetition, any delay, any restart in between: the same numbers, in Redis, in
//! history and over HTTP.
//!
//! One daemon lives through all cases; each case adds executions of its own, and after each the
//! daemon must equal the model of everything that was ever sent. What an earlier case broke, a
//! later one sees.

use std::cell::{Cell, RefCell};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;

use crate::check;
use crate::harness::{Daemon, Setup, now_ms};
use crate::model::load::{Plan, ordered, plan};
use crate::model::{Arrival, Totals, World};

/// What happens between the two halves of a case.
#[derive(Clone, Copy, Debug)]
enum Disturbance {
    Nothing,
    Restart,
    Kill,
    KillRedis,
    EmptyRedis,
    ForgetScripts,
}

fn disturbance() -> impl Strategy<Value = Disturbance> {
    prop_oneof![
        4 => Just(Disturbance::Nothing),
        1 => Just(Disturbance::Restart),
        1 => Just(Disturbance::Kill),
        1 => Just(Disturbance::KillRedis),
        1 => Just(Disturbance::EmptyRedis),
        1 => Just(Disturbance::ForgetScripts),
    ]
}

fn disturb(daemon: &mut Daemon, by: Disturbance) {
    match by {
        Disturbance::Nothing => {}
        Disturbance::Restart => {
            assert_eq!(daemon.sigterm().code(), Some(0));
            daemon.restart();
        }
        Disturbance::Kill => {
            daemon.kill9();
            daemon.restart();
        }
        Disturbance::KillRedis => daemon.kill_redis(),
        Disturbance::EmptyRedis => drop(daemon.redis(&["FLUSHALL"])),
        Disturbance::ForgetScripts => drop(daemon.redis(&["SCRIPT", "FLUSH"])),
    }
}

/// The lines of a case: all that its plans send, in the order of the keys.
fn lines(plans: &[Plan], keys: &[u32], case: usize) -> Vec<Value> {
    let base_ms = now_ms();
    let all = plans.iter().enumerate();
    let all = all.flat_map(|(n, plan)| plan.lines(&format!("case{case}-{n}"), base_ms));
    ordered(all.collect(), keys)
}

#[test]
fn any_order_repetition_and_restart_gives_the_numbers_of_the_model() {
    let daemon = RefCell::new(Setup::new().start());
    let sent = RefCell::new(Vec::<Arrival>::new());
    let told = Cell::new(Totals::default());
    let cases = Cell::new(0_usize);
    // Each case waits for history twice, so few of them, with many executions each.
    let config = Config {
        cases: 10,
        max_shrink_iters: 12,
        ..Config::with_source_file(file!())
    };
    let case = (
        vec(plan(), 1..40),
        vec(any::<u32>(), 300),
        0..200_usize,
        disturbance(),
    );
    let result = TestRunner::new(config).run(&case, |(plans, keys, cut, disturbance)| {
        cases.set(cases.get() + 1);
        let mut daemon = daemon.borrow_mut();
        let lines = lines(&plans, &keys, cases.get());
        let (first, second) = lines.split_at(cut.min(lines.len()));
        for half in [first, second] {
            let (arrivals, answer) = daemon.send(half);
            sent.borrow_mut().extend(arrivals);
            told.set(told.get().plus(answer.totals));
            if std::ptr::eq(half, first) {
                disturb(&mut daemon, disturbance);
            }
        }
        let world = World::of(&sent.borrow());
        if told.get() != world.totals {
            let reason = format!("totals {:?}, expected {:?}", told.get(), world.totals);
            return Err(TestCaseError::fail(reason));
        }
        check::everywhere(&daemon, &world);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
