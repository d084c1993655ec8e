//! The running executions that have a transcript: from the writer to the one that reads what they
//! have used so far.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use agentpulse_core::execution::Execution;
use agentpulse_core::turns::turn_of;

#[derive(Default)]
pub struct LiveUsage(Mutex<Watched>);

/// At most what runs: an execution that ends is forgotten.
#[derive(Default)]
struct Watched {
    ones: BTreeMap<String, One>,
    editions: u64,
}

struct One {
    lines: Arc<RunningLines>,
    /// Another one when what was read before is not to be gone on with; never the same again.
    edition: u64,
}

/// Which lines of which file say what an execution has used.
#[derive(Debug, PartialEq)]
pub struct RunningLines {
    pub id: String,
    pub transcript: String,
    /// By the start itself.
    pub started_ms: Option<i64>,
}

impl RunningLines {
    /// Returns None if it has no transcript.
    pub fn of(execution: &Execution) -> Option<RunningLines> {
        let start = execution.start.as_ref();
        Some(RunningLines {
            id: execution.id.clone(),
            transcript: execution.transcript()?.to_owned(),
            started_ms: start.map(|start| start.started_ms),
        })
    }
}

/// An execution whose transcript is to be read.
#[derive(Clone, Debug)]
pub struct Due {
    pub lines: Arc<RunningLines>,
    pub edition: u64,
}

impl LiveUsage {
    /// Takes in an execution as it is after a change.
    pub fn follow(&self, execution: &Execution) {
        let mut watched = self.watched();
        if execution.is_running()
            && let Some(lines) = RunningLines::of(execution)
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
    pub fn next(&self, id: &str, max: usize) -> Vec<Due> {
        let watched = self.watched();
        let ones = &watched.ones;
        let after = ones.range::<str, _>((Excluded(id), Unbounded));
        let before = ones.range::<str, _>((Unbounded, Included(id)));
        let due = after.chain(before).map(|(_, one)| Due {
            lines: one.lines.clone(),
            edition: one.edition,
        });
        due.take(max).collect()
    }

    pub fn is_watched(&self, id: &str) -> bool {
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

    fn watch(&mut self, lines: RunningLines) {
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
}
