//! What running executions have spent so far, as their transcripts say while they grow.
//!
//! It is a sign like a progress: shown, and in no number. When an execution ends its transcript is
//! read anew ([`usage`](super::usage)), and only that counts. It is no sign of life: no deadline
//! moves because a file grows, which it may do after its agent has died.

mod meter;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::reader::SpendingReader;
use super::running::is_of_the_same_lines;
use crate::domain::execution::{Execution, TokenUsage};
use crate::domain::turns::{execution_id, turn_of};

/// The running executions that have a transcript, and what they have spent: from the writer to
/// the reader, and to reports where the live picture does not answer.
#[derive(Default)]
pub struct Spending(Mutex<Watched>);

/// At most what runs: an execution that ends is forgotten.
type Watched = BTreeMap<String, One>;

struct One {
    execution: Arc<Execution>,
    /// Goes up when what was read before is of other lines.
    edition: u64,
    spent: Option<TokenUsage>,
}

/// An execution to look at.
#[derive(Clone, Debug)]
pub struct Due {
    pub execution: Arc<Execution>,
    pub edition: u64,
}

impl Spending {
    /// Takes in an execution as it is after a change.
    pub fn follow(&self, execution: &Arc<Execution>) {
        let mut watched = self.watched();
        if execution.is_running() && execution.transcript().is_some() {
            watch(&mut watched, execution);
            return;
        }
        watched.remove(&execution.id);
        if execution.usage().is_some() {
            reread_next(&mut watched, execution);
        }
    }

    /// What the writer has shown of one that runs.
    pub fn note(&self, id: &str, spent: Option<TokenUsage>) {
        if let Some(one) = self.watched().get_mut(id) {
            one.spent = spent;
        }
    }

    pub fn spent(&self, id: &str) -> Option<TokenUsage> {
        self.watched().get(id)?.spent
    }

    /// The next after an id, at most `max`; after the last the first is next.
    fn next(&self, id: &str, max: usize) -> Vec<Due> {
        let watched = self.watched();
        let after = watched.range::<str, _>((Excluded(id), Unbounded));
        let before = watched.range::<str, _>((Unbounded, Included(id)));
        let ones = after
            .chain(before)
            .filter(|(_, one)| !has_gone_on(&watched, one));
        let due = ones.map(|(_, one)| Due {
            execution: one.execution.clone(),
            edition: one.edition,
        });
        due.take(max).collect()
    }

    fn is_watched(&self, id: &str) -> bool {
        self.watched().contains_key(id)
    }

    /// A panic elsewhere leaves the map whole: every change to it is one call.
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn watch(watched: &mut Watched, execution: &Arc<Execution>) {
    let Some(one) = watched.get_mut(&execution.id) else {
        let one = One {
            execution: execution.clone(),
            edition: 0,
            spent: None,
        };
        watched.insert(execution.id.clone(), one);
        return;
    };
    if !is_of_the_same_lines(&one.execution, execution) {
        one.edition += 1;
        one.spent = None;
    }
    one.execution = execution.clone();
}

/// A turn begins in the file where the one before it ends, which may be elsewhere now.
fn reread_next(watched: &mut Watched, read: &Execution) {
    let (agent_id, number) = turn_of(&read.id);
    let first = format!("{agent_id}#");
    let later = watched.range_mut(first.clone()..);
    for (id, one) in later.take_while(|(id, _)| id.starts_with(&first)) {
        if turn_of(id).1 > number {
            one.edition += 1;
        }
    }
}

/// The lines that come now are of the next turn: the stop of this one was not told.
fn has_gone_on(watched: &Watched, one: &One) -> bool {
    let (agent_id, number) = turn_of(&one.execution.id);
    let next = watched.get(&execution_id(agent_id, number + 1));
    next.is_some_and(|next| next.execution.transcript() == one.execution.transcript())
}
