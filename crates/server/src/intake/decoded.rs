//! Lines that were decoded, and what one may be.

use super::answer::Answer;
use agentpulse_core::error::Rejection;
use agentpulse_core::event::Event;
use agentpulse_pipeline::writer::IngestOutcome;
use agentpulse_sources::{Clock, LineKey, decode};

/// One line, in bytes.
pub const MAX_LINE_BYTES: usize = 256 << 10;
/// Events that go to the writer together.
pub const MAX_SUBMISSION: usize = 256;

/// Lines that were decoded together, in their order.
#[derive(Default)]
pub struct Decoded {
    /// The line of each event, or of the refusal in its place.
    pub lines: Vec<(u64, Option<Rejection>)>,
    events: Vec<Event>,
}

impl Decoded {
    pub fn push(&mut self, line: u64, event: Result<Event, Rejection>) {
        match event {
            Ok(event) => {
                self.lines.push((line, None));
                self.events.push(event);
            }
            Err(rejection) => self.lines.push((line, Some(rejection))),
        }
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn events(&self) -> usize {
        self.events.len()
    }

    pub fn has_hooks(&self) -> bool {
        self.events.iter().any(is_of_hook)
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Adds what the writer said of the events, and what was refused before it saw them.
    pub fn settle(self, outcomes: Vec<IngestOutcome>, answer: &mut Answer) {
        let mut outcomes = outcomes.into_iter();
        for (line, rejection) in self.lines {
            let rejection = match rejection {
                Some(rejection) => Some(rejection),
                None => answer.totals.count(outcomes.next()),
            };
            if let Some(rejection) = rejection {
                answer.refuse(line, rejection);
            }
        }
    }
}

/// Only hooks report what has no meaning here.
fn is_of_hook(event: &Event) -> bool {
    matches!(event, Event::Hook(_) | Event::Ignored)
}

pub fn decode_line(line: &[u8], clock: &Clock, key: LineKey) -> Result<Event, Rejection> {
    if line.len() > MAX_LINE_BYTES {
        return Err(too_long());
    }
    decode(line, clock, key)
}

pub fn too_long() -> Rejection {
    Rejection::new(format!("an event must be 0..={MAX_LINE_BYTES} bytes"))
}
