//! The queue against a naive account of what its documentation says: any operations of eight
//! workers, while time passes, clocks are set, the daemon is killed within a commit, and older
//! copies are restored. After each step both are the same.

mod call;
mod check;
mod naive;
mod real;
mod rules;
mod steps;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use tempfile::TempDir;

use crate::call::{Call, Said, Tok};
use crate::check::Disk;
use crate::naive::Model;
use crate::real::{Answer, Real, copy, folder};
use crate::steps::{Step, meant, steps};

const WALL_MS: i64 = 1_800_000_000_000;

struct World {
    real: Real,
    model: Model,
    disk: Disk,
    /// The last event that was compared.
    seen: i64,
    /// Those that clients were answered.
    toks: Vec<Tok>,
    backup: Option<(TempDir, Model, i64)>,
}

impl World {
    fn start() -> World {
        let real = Real::start(WALL_MS);
        World {
            disk: Disk::open(&real.path()),
            real,
            model: Model {
                wall: WALL_MS,
                ..Model::default()
            },
            seen: 0,
            toks: Vec::new(),
            backup: None,
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Call(raw) => {
                let call = meant(raw, &self.model, &self.toks);
                let answer = self.real.call(&call);
                self.expect(&call, &answer);
                self.learn(&answer);
            }
            Step::Pass(ms) => self.pass(*ms, *ms),
            Step::ToEnd(is_over) => {
                let held = self
                    .model
                    .tasks
                    .values()
                    .filter(|task| task.status == "running");
                let ends = held.map(|task| task.lease_ends.min(task.times_out));
                if let Some(end) = ends.min() {
                    let left = (end - self.model.mono - i64::from(!is_over)).max(0);
                    self.pass(left, left);
                }
            }
            Step::Set(by_ms) => self.pass(0, *by_ms),
            Step::Again => {
                self.real.again();
                self.model.begin_again();
            }
            Step::Kill(raws, at) => {
                let calls = raws.iter().map(|raw| meant(raw, &self.model, &self.toks));
                let calls: Vec<Call> = calls.collect();
                let copied = folder();
                let answers = self.real.commit(&calls, *at, copied.path());
                if *at >= calls.len() {
                    // The answers never arrived.
                    for (call, answer) in calls.iter().zip(&answers) {
                        self.expect(call, answer);
                    }
                }
                self.real.again_on(copied, false);
                self.model.begin_again();
                self.disk = Disk::open(&self.real.path());
            }
            Step::Backup => {
                let copied = folder();
                copy(self.real.folder(), copied.path());
                self.backup = Some((copied, self.model.clone(), self.seen));
            }
            Step::Restore => {
                if let Some((copied, model, seen)) = self.backup.take() {
                    let generation = self.model.generation + 1;
                    let (mono, wall) = (self.model.mono, self.model.wall);
                    self.model = Model {
                        generation,
                        mono,
                        wall,
                        ..model
                    };
                    self.real.again_on(copied, true);
                    self.model.begin_again();
                    (self.disk, self.seen) = (Disk::open(&self.real.path()), seen);
                }
            }
        }
        self.disk.learn(&mut self.model);
        self.disk.equals(&self.model);
        self.disk.happened(&mut self.model, &mut self.seen);
        self.disk.invariants();
    }

    fn pass(&mut self, mono_ms: i64, wall_ms: i64) {
        self.model.mono += mono_ms;
        self.model.wall += wall_ms;
        self.model.lose();
        self.real.pass(mono_ms, wall_ms);
    }

    fn expect(&mut self, call: &Call, answer: &Answer) {
        let expected = self.model.call(call);
        assert_eq!(answer, &expected, "{call:?}: found, and expected");
    }

    fn learn(&mut self, answer: &Answer) {
        if let Ok(Said::Claimed(Some((task, claim, _)))) = answer {
            let generation = self.model.generation;
            self.toks.push(Tok {
                generation,
                task: *task,
                claim: *claim,
            });
        }
    }
}

fn config() -> ProptestConfig {
    let kept = FileFailurePersistence::Direct("proptest-regressions/model.txt");
    let is_long = std::env::var_os("AGENTPULSE_TEST_LONG").is_some();
    ProptestConfig {
        cases: if is_long { 10_000 } else { 100 },
        failure_persistence: Some(Box::new(kept)),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_queue_does_what_is_said_of_it(steps in steps()) {
        let mut world = World::start();
        for step in &steps {
            world.step(step);
        }
    }
}
