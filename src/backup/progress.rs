//! How far a backup is, for whoever waits, and whether anybody still does.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// What a backup is at, in the order of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    History,
    Journal,
    Access,
    Check,
    Pack,
    /// Of the way back.
    Unpack,
}

const STAGES: [Stage; 6] = [
    Stage::History,
    Stage::Journal,
    Stage::Access,
    Stage::Check,
    Stage::Pack,
    Stage::Unpack,
];

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::History => "history",
            Stage::Journal => "journal",
            Stage::Access => "access",
            Stage::Check => "check",
            Stage::Pack => "pack",
            Stage::Unpack => "unpack",
        }
    }
}

#[derive(Debug, Default)]
pub struct Progress {
    stage: AtomicU8,
    /// Parts of a thousand.
    permille: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    pub(super) fn begin(&self, stage: Stage) {
        self.permille.store(0, Ordering::Relaxed);
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// Tells in turn whether to go on.
    pub(super) fn report(&self, done: u64, all: u64) -> ControlFlow<()> {
        let permille = done.saturating_mul(1000) / all.max(1);
        self.permille.store(permille, Ordering::Relaxed);
        match self.stopped.load(Ordering::Relaxed) {
            false => ControlFlow::Continue(()),
            true => ControlFlow::Break(()),
        }
    }

    /// What is being done, and how many per cent of that are done.
    pub fn now(&self) -> (&'static str, u64) {
        let stage = usize::from(self.stage.load(Ordering::Relaxed));
        (
            STAGES[stage].as_str(),
            self.permille.load(Ordering::Relaxed) / 10,
        )
    }

    /// Nobody waits any more.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}
