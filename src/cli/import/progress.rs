//! How far the import is, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal, Write};

use indicatif::ProgressBar;

use crate::cli::bar::bar;

/// Transcripts between two plain lines: some seconds of work.
const PLAIN_STEP: u64 = 1_000;
const TEMPLATE: &str = "{bar:40} {pos}/{len} transcripts, {eta} left";

#[derive(Clone)]
pub struct Progress {
    total: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub fn new(total: u64) -> Progress {
        let bar = io::stderr().is_terminal().then(|| bar(TEMPLATE, total));
        Progress { total, bar }
    }

    pub fn step(&self, done: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None if done > 0 && done.is_multiple_of(PLAIN_STEP) => {
                // Without standard error there is no reader.
                let _ = writeln!(io::stderr(), "{done} of {} transcripts", self.total);
            }
            None => {}
        }
    }

    /// Lets something else write to standard error.
    pub fn beside(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
