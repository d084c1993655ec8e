//! What the writer knows without asking history.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::clock::Now;
use crate::running::Running;
use agentpulse_core::change::Change;
use agentpulse_core::execution::Execution;
use agentpulse_core::last_heartbeat::KeptHeartbeats;

/// What the writer remembers: of the executions that run what decisions need, and those that
/// history does not have yet.
pub struct Memory {
    pub(super) running: Arc<Running>,
    unflushed: HashMap<String, Unflushed>,
    /// Of the executions in `unflushed`, about.
    unflushed_bytes: usize,
    order: VecDeque<(u64, String)>,
    pub(super) flushed_seq: u64,
}

struct Unflushed {
    /// The last change of it.
    seq: u64,
    execution: Arc<Execution>,
    bytes: usize,
}

impl Memory {
    pub fn new(running: Arc<Running>) -> Memory {
        Memory {
            running,
            unflushed: HashMap::new(),
            unflushed_bytes: 0,
            order: VecDeque::new(),
            flushed_seq: 0,
        }
    }

    /// Changes that history does not have.
    pub fn unflushed(&self) -> usize {
        self.order.len()
    }

    /// About how much memory the executions take that it does not have as they are.
    pub fn unflushed_bytes(&self) -> usize {
        self.unflushed_bytes
    }

    /// Those that history does not have and whose transcripts are to be read.
    pub fn unread(&self) -> impl Iterator<Item = &str> {
        let unflushed = self.unflushed.iter();
        let unread = unflushed.filter(|(_, one)| one.execution.is_unread());
        unread.map(|(id, _)| id.as_str())
    }

    /// Those that history does not have and that ended by no stop of their own.
    pub(super) fn without_own_end(&self) -> impl Iterator<Item = &Execution> {
        let unflushed = self.unflushed.values().map(|one| &*one.execution);
        unflushed.filter(|one| one.timed_out_ms.is_some() || one.is_closed())
    }

    /// Takes in an execution of which history, which has all changes up to `seq`, says that it
    /// runs.
    pub fn load_running(
        &mut self,
        execution: &Execution,
        seq: u64,
        kept: &KeptHeartbeats,
        now: Now,
    ) {
        self.running.load(execution, seq, kept, now);
    }

    /// Takes in a change that history does not have yet.
    pub fn load(&mut self, change: &Change, kept: &KeptHeartbeats, now: Now) {
        self.running.load(&change.after, change.seq, kept, now);
        self.remember(change);
    }

    pub(super) fn follow(&mut self, change: &Change, now: Now) {
        self.running.follow(&change.after, change.seq, now);
        self.remember(change);
    }

    fn remember(&mut self, change: &Change) {
        let id = change.after.id.clone();
        let unflushed = Unflushed {
            seq: change.seq,
            execution: change.after.clone(),
            bytes: change.after.bytes(),
        };
        self.unflushed_bytes += unflushed.bytes;
        let replaced = self.unflushed.insert(id.clone(), unflushed);
        self.forget(replaced);
        self.order.push_back((change.seq, id));
    }

    fn forget(&mut self, gone: Option<Unflushed>) {
        self.unflushed_bytes -= gone.map_or(0, |one| one.bytes);
    }

    /// An execution that history does not have as it is. All others history has, also those that
    /// run.
    pub(super) fn get(&self, id: &str) -> Option<&Arc<Execution>> {
        self.unflushed.get(id).map(|one| &one.execution)
    }

    pub(super) fn flushed(&mut self, seq: u64) {
        self.flushed_seq = self.flushed_seq.max(seq);
        while let Some((first, id)) = self.order.front()
            && *first <= seq
        {
            if self
                .unflushed
                .get(id)
                .is_some_and(|last| last.seq == *first)
            {
                let flushed = self.unflushed.remove(id);
                self.forget(flushed);
            }
            self.order.pop_front();
        }
        if self.unflushed.capacity() > 4 * self.unflushed.len() + 1_024 {
            self.unflushed.shrink_to_fit();
            self.order.shrink_to_fit();
        }
    }
}
