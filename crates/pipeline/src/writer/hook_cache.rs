//! What one commit has read of the journal, so that it does not read it again.

use std::collections::HashMap;
use std::sync::Arc;

use agentpulse_core::turns::Turns;

/// What is remembered of the journal in one commit; beyond it, it is read again.
const MAX_JOURNALED_BYTES: usize = 16 << 20;

/// Marks and ends of sessions as the journal has them: to read the marks of an agent takes a
/// millisecond when they are many, and an agent sends many signals in one commit.
#[derive(Default)]
pub(super) struct HookCache {
    turns: HashMap<String, Arc<Turns>>,
    bytes: usize,
    ends: HashMap<String, Vec<i64>>,
}

impl HookCache {
    pub fn turns(&self, agent_id: &str) -> Option<&Arc<Turns>> {
        self.turns.get(agent_id)
    }

    pub fn keep_turns(&mut self, agent_id: &str, turns: Arc<Turns>) {
        self.bytes += turns.bytes();
        if self.bytes > MAX_JOURNALED_BYTES {
            self.bytes = turns.bytes();
            self.turns.clear();
        }
        self.turns.insert(agent_id.to_owned(), turns);
    }

    pub fn ends(&self, session_id: &str) -> Option<&[i64]> {
        self.ends.get(session_id).map(Vec::as_slice)
    }

    pub fn keep_ends(&mut self, session_id: &str, ends: Vec<i64>) {
        self.ends.insert(session_id.to_owned(), ends);
    }
}
