//! What running executions have spent so far, as their transcripts say while they grow.
//!
//! It is shown like a progress, and is in no number. When an execution ends its transcript is read
//! again ([`usage`](super::usage)), and only that counts. It is no heartbeat: no deadline
//! moves because a file grows, which it may do after its agent has died.

mod reader;
mod tail;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

pub use self::reader::LiveUsageReader;
use agentpulse_core::execution::Execution;
use agentpulse_core::turns::{execution_id, turn_of};

/// The running executions that have a transcript: from the writer to the reader.
#[derive(Default)]
pub struct LiveUsage(Mutex<Watched>);

/// At most what runs: an execution that ends is forgotten.
#[derive(Default)]
struct Watched {
    ones: BTreeMap<String, One>,
    editions: u64,
}

struct One {
    lines: Arc<Lines>,
    /// Another one when what was read before is not to be gone on with; never the same again.
    edition: u64,
}

/// Which lines of which file tell what an execution has spent.
#[derive(Debug, PartialEq)]
pub struct Lines {
    pub id: String,
    pub transcript: String,
    /// By the start itself.
    pub started_ms: Option<i64>,
}

impl Lines {
    /// Returns None if it has no transcript.
    pub fn of(execution: &Execution) -> Option<Lines> {
        let start = execution.start.as_ref();
        Some(Lines {
            id: execution.id.clone(),
            transcript: execution.transcript()?.to_owned(),
            started_ms: start.map(|start| start.started_ms),
        })
    }
}

/// An execution to look at.
#[derive(Clone, Debug)]
pub struct Due {
    pub lines: Arc<Lines>,
    pub edition: u64,
}

impl LiveUsage {
    /// Takes in an execution as it is after a change.
    pub fn follow(&self, execution: &Execution) {
        let mut watched = self.watched();
        if execution.is_running()
            && let Some(lines) = Lines::of(execution)
        {
            watched.watch(lines);
            return;
        }
        watched.ones.remove(&execution.id);
        if execution.usage().is_some() {
            watched.reread_next(execution);
        }
    }

    /// The next after an id, at most `max`; after the last the first is next.
    fn next(&self, id: &str, max: usize) -> Vec<Due> {
        let watched = self.watched();
        let ones = &watched.ones;
        let after = ones.range::<str, _>((Excluded(id), Unbounded));
        let before = ones.range::<str, _>((Unbounded, Included(id)));
        let ones = after
            .chain(before)
            .filter(|(_, one)| !watched.has_gone_on(one));
        let due = ones.map(|(_, one)| Due {
            lines: one.lines.clone(),
            edition: one.edition,
        });
        due.take(max).collect()
    }

    fn is_watched(&self, id: &str) -> bool {
        self.watched().ones.contains_key(id)
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock()
    }
}

impl Watched {
    fn edition(&mut self) -> u64 {
        self.editions += 1;
        self.editions
    }

    fn watch(&mut self, lines: Lines) {
        let known = self.ones.get(&lines.id);
        if known.is_some_and(|one| *one.lines == lines) {
            return;
        }
        let id = lines.id.clone();
        let one = One {
            lines: Arc::new(lines),
            edition: self.edition(),
        };
        self.ones.insert(id, one);
    }

    /// A turn begins in the file where the one before it ends, which may be elsewhere now.
    fn reread_next(&mut self, read: &Execution) {
        let (agent_id, number) = turn_of(&read.id);
        let first = format!("{agent_id}#");
        let edition = self.edition();
        let later = self.ones.range_mut(first.clone()..);
        for (id, one) in later.take_while(|(id, _)| id.starts_with(&first)) {
            if turn_of(id).1 > number {
                one.edition = edition;
            }
        }
    }

    /// The lines that come now are of the next turn: the stop of this one was not told.
    fn has_gone_on(&self, one: &One) -> bool {
        let (agent_id, number) = turn_of(&one.lines.id);
        let next = self.ones.get(&execution_id(agent_id, number + 1));
        next.is_some_and(|next| next.lines.transcript == one.lines.transcript)
    }
}
