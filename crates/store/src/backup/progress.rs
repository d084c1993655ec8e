//! The progress of a backup for its client, and whether the client still waits.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// The stages of a backup, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    History,
    Journal,
    Access,
    Registry,
    Tasks,
    Check,
    Pack,
    /// Of a restore.
    Unpack,
}

const STAGES: [Stage; 8] = [
    Stage::History,
    Stage::Journal,
    Stage::Access,
    Stage::Registry,
    Stage::Tasks,
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
            Stage::Registry => "registry",
            Stage::Tasks => "tasks",
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

    /// Reports the progress; returns whether to go on.
    pub(super) fn report(&self, done: u64, all: u64) -> ControlFlow<()> {
        let permille = done.saturating_mul(1000) / all.max(1);
        self.permille.store(permille, Ordering::Relaxed);
        match self.stopped.load(Ordering::Relaxed) {
            false => ControlFlow::Continue(()),
            true => ControlFlow::Break(()),
        }
    }

    /// The stage, and how many per cent of it are done.
    pub fn now(&self) -> (&'static str, u64) {
        let stage = usize::from(self.stage.load(Ordering::Relaxed));
        (
            STAGES[stage].as_str(),
            self.permille.load(Ordering::Relaxed) / 10,
        )
    }

    /// The client has gone.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}
