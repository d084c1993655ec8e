//! Starts, stops and heartbeats, which name their execution themselves: each is a duplicate or a
//! change of it.

use super::commit::Commit;
use super::handle::{IngestOutcome, Unavailable};
use agentpulse_core::event::Progress;
use agentpulse_core::execution::{Execution, Fact};

impl Commit<'_> {
    pub(super) fn apply_fact(
        &mut self,
        id: String,
        fact: Fact,
    ) -> Result<IngestOutcome, Unavailable> {
        let before = self.current(&id).cloned();
        if before.as_ref().is_some_and(|before| !before.accepts(&fact)) {
            return Ok(IngestOutcome::Duplicate);
        }
        let mut after = match &before {
            Some(execution) => Execution::clone(execution),
            None => Execution::new(id),
        };
        let is_over = matches!(fact, Fact::Stop(_));
        after.merge(self.kept_of(fact), &self.writer.settings.catalog);
        if is_over {
            self.restate_on_end(&mut after)?;
        }
        if let Err(rejection) = self.make_room(before.as_deref(), &after) {
            return Ok(IngestOutcome::Rejected(rejection));
        }
        self.stage(before, after);
        Ok(IngestOutcome::Accepted)
    }

    /// The fact with what may be kept of the name of its project.
    fn kept_of(&self, mut fact: Fact) -> Fact {
        let origin = match &mut fact {
            Fact::Start(start) => &mut start.origin,
            Fact::Stop(stop) => &mut stop.origin,
            Fact::TimedOut { .. } | Fact::Alive => return fact,
        };
        let names = self.writer.settings.project_names;
        origin.project = origin.project.take().and_then(|name| names.keep(name));
        fact
    }

    /// A heartbeat of what runs; it brings back what had timed out. Of any other execution it
    /// means nothing: one that is ahead of its start must not count once it starts.
    pub(super) fn heartbeat(&mut self, progress: Progress) -> IngestOutcome {
        if !self.is_running(&progress.id) {
            let known = self.current(&progress.id).cloned();
            let Some(before) = known.filter(|known| known.accepts(&Fact::Alive)) else {
                return IngestOutcome::Progress;
            };
            let mut after = Execution::clone(&before);
            after.merge(Fact::Alive, &self.writer.settings.catalog);
            if let Err(rejection) = self.make_room(Some(&before), &after) {
                return IngestOutcome::Rejected(rejection);
            }
            self.stage(Some(before), after);
        }
        self.batch.heartbeats.push(progress);
        IngestOutcome::Progress
    }
}
