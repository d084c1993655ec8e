//! What one commit has read of the journal, so that it does not read it again.

use std::collections::HashMap;
use std::sync::Arc;

use agentpulse_core::turns::{SessionEvent, SessionMark, Turns};

/// What is remembered of the journal in one commit, of agents and of sessions; beyond it, it is
/// read again.
const MAX_JOURNALED_BYTES: usize = 16 << 20;

/// Marks of agents and sessions as the journal has them: to read the marks of an agent takes a
/// millisecond when they are many, and an agent sends many signals in one commit.
#[derive(Default)]
pub(super) struct HookCache {
    turns: HashMap<String, Arc<Turns>>,
    bytes: usize,
    /// By the session, and the moment from which on.
    marks: HashMap<(String, i64), Vec<SessionMark>>,
    mark_bytes: usize,
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

    pub fn session_marks(&self, of: &(String, i64)) -> Option<&[SessionMark]> {
        self.marks.get(of).map(Vec::as_slice)
    }

    pub fn keep_session_marks(&mut self, of: (String, i64), marks: Vec<SessionMark>) {
        let texts = marks.iter().map(|mark| match &mark.what {
            SessionEvent::Prompted(prompt) => prompt.len(),
            _ => 0,
        });
        let bytes = of.0.len() + size_of_val(&*marks) + texts.sum::<usize>();
        self.mark_bytes += bytes;
        if self.mark_bytes > MAX_JOURNALED_BYTES {
            self.mark_bytes = bytes;
            self.marks.clear();
        }
        self.marks.insert(of, marks);
    }
}
