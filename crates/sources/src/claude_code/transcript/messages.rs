//! Which messages of models a transcript has, to find them again in others: a side question begins
//! with what another agent asked, stamped once more.

use std::collections::HashMap;

use memchr::memmem;

use super::hash::hash;
use super::line::{Line, is_fork, readable};

/// A line without it states no usage.
const FIELD: &[u8] = b"\"usage\"";
/// Messages of one transcript that are known, 33 bytes each.
const MAX_MESSAGES: usize = 100_000;

/// Stands for the id of a message; it takes the same memory for any id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageKey(u128);

impl MessageKey {
    pub fn new(message_id: &str) -> MessageKey {
        MessageKey(hash(message_id))
    }
}

/// The messages of one transcript, each with the time of its first line. Those that a
/// [`Slice`](super::Slice) skips as a parent's are not among them.
#[derive(Debug, Default)]
pub struct Messages {
    first_ms: HashMap<MessageKey, i64>,
    has_begun: bool,
    /// The lines of a parent come first, up to the first that is not of the model.
    is_parents: bool,
}

impl Messages {
    /// Takes the next line. Most lines of a large transcript are not parsed.
    pub fn line(&mut self, bytes: &[u8]) {
        if self.has_begun && !self.is_parents && memmem::find(bytes, FIELD).is_none() {
            return;
        }
        let text = readable(bytes);
        let Some(line) = Line::parse(text.as_bytes()) else {
            self.is_parents |= !self.has_begun && is_fork(bytes);
            return;
        };
        self.is_parents &= line.is_assistant();
        if self.is_parents || line.is_inherited() {
            return;
        }
        self.has_begun = true;
        let stated = line.stated();
        let id = stated.as_ref().and_then(|stated| stated.message_id);
        if let (Some(id), Some(time_ms)) = (id, line.time_ms())
            && self.first_ms.len() < MAX_MESSAGES
        {
            let first = self.first_ms.entry(MessageKey::new(id)).or_insert(time_ms);
            *first = time_ms.min(*first);
        }
    }

    /// When a message was written; `None` if it is not here.
    pub fn first_ms(&self, key: MessageKey) -> Option<i64> {
        self.first_ms.get(&key).copied()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.first_ms.len()
    }
}
