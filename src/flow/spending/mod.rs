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
#[derive(Default)]
struct Watched {
    ones: BTreeMap<String, One>,
    editions: u64,
}

struct One {
    execution: Arc<Execution>,
    /// Another one when what was read before is not to be gone on with; never the same again.
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
            watched.watch(execution);
            return;
        }
        watched.ones.remove(&execution.id);
        if execution.usage().is_some() {
            watched.reread_next(execution);
        }
    }

    /// What the writer has shown of one that runs.
    pub fn note(&self, id: &str, spent: Option<TokenUsage>) {
        if let Some(one) = self.watched().ones.get_mut(id) {
            one.spent = spent;
        }
    }

    pub fn spent(&self, id: &str) -> Option<TokenUsage> {
        self.watched().ones.get(id)?.spent
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
            execution: one.execution.clone(),
            edition: one.edition,
        });
        due.take(max).collect()
    }

    fn is_watched(&self, id: &str) -> bool {
        self.watched().ones.contains_key(id)
    }

    /// A panic elsewhere leaves at worst an execution that is read anew.
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn edition(&mut self) -> u64 {
        self.editions += 1;
        self.editions
    }

    fn watch(&mut self, execution: &Arc<Execution>) {
        let known = self.ones.get_mut(&execution.id);
        if let Some(one) = known
            && is_of_the_same_lines(&one.execution, execution)
        {
            one.execution = execution.clone();
            return;
        }
        let one = One {
            execution: execution.clone(),
            edition: self.edition(),
            spent: None,
        };
        self.ones.insert(execution.id.clone(), one);
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
        let (agent_id, number) = turn_of(&one.execution.id);
        let next = self.ones.get(&execution_id(agent_id, number + 1));
        next.is_some_and(|next| next.execution.transcript() == one.execution.transcript())
    }
}
