//! Which event goes where: the executions that events name are looked up together, and each event
//! goes to what applies its kind.

use super::commit::Commit;
use super::handle::{IngestOutcome, Unavailable};
use agentpulse_core::event::Event;

/// Events whose executions are looked up in history together: of each of them history may hold half
/// a megabyte.
const LOOKED_UP_AT_ONCE: usize = 64;

impl Commit<'_> {
    pub fn dispatch_all(&mut self, events: Vec<Event>) -> Result<Vec<IngestOutcome>, Unavailable> {
        let mut outcomes = Vec::with_capacity(events.len());
        let mut events = events.into_iter();
        while events.len() > 0 {
            let some: Vec<Event> = events.by_ref().take(LOOKED_UP_AT_ONCE).collect();
            self.look_up_for(&some)?;
            for event in some {
                outcomes.push(self.dispatch(event)?);
            }
        }
        Ok(outcomes)
    }

    fn look_up_for(&mut self, events: &[Event]) -> Result<(), Unavailable> {
        let mut unknown: Vec<&str> = events
            .iter()
            .filter_map(|event| match event {
                Event::Fact { id, .. } => Some(id.as_str()),
                // It changes nothing of one that runs.
                Event::Progress(progress) if self.memory.running.has(&progress.id) => None,
                Event::Progress(progress) => Some(progress.id.as_str()),
                // Hooks are rare, and whom they are of is known only when they are applied.
                Event::Hook(_) | Event::Read(_) | Event::EndSeen { .. } | Event::Ignored => None,
            })
            .filter(|id| !self.is_at_hand(id))
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        self.look_up(&unknown)
    }

    fn dispatch(&mut self, event: Event) -> Result<IngestOutcome, Unavailable> {
        match event {
            Event::Fact { id, fact } => self.apply_fact(id, fact),
            Event::Progress(progress) => Ok(self.heartbeat(progress)),
            Event::Hook(hook) => self.apply_hook(&hook),
            Event::Read(read) => self.apply_transcript(*read),
            Event::EndSeen { id, end } => self.end_seen(&id, end),
            Event::Ignored => {
                self.writer.counters.events_ignored.add(1);
                Ok(IngestOutcome::Progress)
            }
        }
    }
}
