//! What has changed in the definitions, for the frames.

use std::sync::Arc;

use crate::registry::Definitions;
use agentpulse_registry::Event;

/// Of one frame; the others follow in the next ones.
const MAX_DEFINITIONS: usize = 64;

pub(super) enum News {
    Events(Vec<Arc<Event>>),
    /// More than are kept: the definitions are to be listed again, as of this `seq` or later.
    Skipped(u64),
}

#[derive(Default)]
pub(super) struct DefinitionFeed {
    /// The last change that was shown.
    shown: u64,
}

impl DefinitionFeed {
    /// What changed before is for those who list them.
    pub fn begin(&mut self, definitions: &Definitions) {
        self.shown = definitions.handle.now().seq;
    }

    /// As many as find room in a frame, the oldest first.
    pub fn take(&mut self, definitions: &Definitions, room: usize) -> News {
        let room = room.min(MAX_DEFINITIONS);
        let current = definitions.handle.now();
        if current.seq == self.shown || room == 0 {
            return News::Events(Vec::new());
        }
        let Ok(events) = current.events_since(None, self.shown) else {
            self.shown = current.seq;
            return News::Skipped(current.seq);
        };
        let taken = &events[..events.len().min(room)];
        self.shown = match (taken.last(), taken.len() < events.len()) {
            (Some(last), true) => last.seq,
            _ => current.seq,
        };
        News::Events(taken.to_vec())
    }
}
