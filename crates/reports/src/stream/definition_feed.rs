//! What has changed in the definitions, for the frames.

use std::sync::Arc;

use super::element::Element;
use crate::registry::Definitions;
use crate::registry::changes::Event;

/// Of one frame; the others follow in the next ones.
const MAX_DEFINITIONS: usize = 64;

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
    pub fn take(&mut self, definitions: &Definitions, room: usize) -> Vec<Element> {
        let room = room.min(MAX_DEFINITIONS);
        let current = definitions.handle.now();
        if current.seq == self.shown || room == 0 {
            return Vec::new();
        }
        let Ok(events) = current.events_since(None, self.shown) else {
            self.shown = current.seq;
            let definitions_seq = current.seq;
            return vec![Element::DefinitionsSkipped { definitions_seq }];
        };
        let taken = &events[..events.len().min(room)];
        self.shown = match (taken.last(), taken.len() < events.len()) {
            (Some(last), true) => last.seq,
            _ => current.seq,
        };
        let element = |event: &Arc<_>| Element::Definition {
            definition: Event::of(event, definitions),
        };
        taken.iter().map(element).collect()
    }
}
