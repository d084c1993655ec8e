//! What each event changes: decided in memory, for one commit, before anything is remembered.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use tracing::error;

use super::{Memory, Unavailable, Verdict, Writer};
use crate::domain::change::Change;
use crate::domain::error::Refusal;
use crate::domain::event::{Event, Progress};
use crate::domain::execution::{Execution, Fact};
use crate::domain::names::NameKind;
use crate::flow::running::Now;

/// One commit's worth of decisions. Nothing of it is remembered before it is committed.
#[derive(Default)]
pub struct Batch {
    staged: HashMap<String, Arc<Execution>>,
    found: HashMap<String, Arc<Execution>>,
    pub changes: Vec<Arc<Change>>,
    pub heard: Vec<Progress>,
    pub names: Vec<(NameKind, String)>,
    started: usize,
}

impl Writer {
    /// Fetches from history, in one look, what memory does not hold.
    pub(super) fn look_up(
        &mut self,
        memory: &Memory,
        events: &[Vec<Event>],
        batch: &mut Batch,
    ) -> Result<(), Unavailable> {
        let mut unknown: Vec<&str> = events
            .iter()
            .flatten()
            .filter_map(|event| match event {
                Event::Fact { id, .. } => Some(id.as_str()),
                Event::Progress(progress) => Some(progress.id.as_str()),
                Event::Ignored => None,
            })
            .filter(|id| memory.get(id).is_none())
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(());
        }
        batch.found = self.history.find(&unknown).map_err(|error| {
            error!(%error, "history cannot be read, so a duplicate could not be told");
            self.tell_damage(&error);
            Unavailable("history cannot be read".to_owned())
        })?;
        Ok(())
    }

    pub(super) fn decide(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        event: Event,
        now: Now,
    ) -> Verdict {
        let (id, fact, accepted) = match event {
            Event::Ignored => return Verdict::Progress,
            Event::Fact { id, fact } => (id, fact, Verdict::Accepted),
            Event::Progress(progress) => {
                let id = progress.id.clone();
                batch.heard.push(progress);
                (id, Fact::Alive, Verdict::Progress)
            }
        };
        let before = batch
            .staged
            .get(&id)
            .or_else(|| memory.get(&id))
            .or_else(|| batch.found.get(&id));
        let before = before.cloned();
        let takes = match &before {
            Some(execution) => execution.takes(&fact),
            None => fact != Fact::Alive,
        };
        if !takes {
            // A progress that is ahead of its start must not count as heard once it starts.
            let idle = before.is_none_or(|execution| !execution.is_running());
            if fact == Fact::Alive && idle {
                batch.heard.pop();
            }
            return if fact == Fact::Alive {
                Verdict::Progress
            } else {
                Verdict::Duplicate
            };
        }
        let ended = before.as_ref().is_some_and(|before| before.stop.is_some());
        let starts = matches!(fact, Fact::Start(_) | Fact::Alive) && !ended;
        if starts && memory.running.count() + batch.started >= self.config.max_running {
            return Verdict::Refused(Refusal::new(format!(
                "start: limits.running allows {} executions at once",
                self.config.max_running
            )));
        }
        self.stage(batch, id, before, fact, now);
        accepted
    }

    pub(super) fn stage(
        &self,
        batch: &mut Batch,
        id: String,
        before: Option<Arc<Execution>>,
        fact: Fact,
        now: Now,
    ) {
        let mut after = match &before {
            Some(execution) => Execution::clone(execution),
            None => Execution::new(id.clone()),
        };
        after.merge(fact, &self.catalog);
        let after = Arc::new(after);
        let seq = self.journal.last_seq() + 1 + batch.changes.len() as u64;
        let change = Change::between(before, after.clone(), seq, now.wall_ms);
        self.admit(batch, &change);
        batch.started += usize::from(after.is_running());
        batch.staged.insert(id, after);
        batch.changes.push(Arc::new(change));
    }

    /// Gives the names of a change their place, before anything is counted under them.
    fn admit(&self, batch: &mut Batch, change: &Change) {
        let Some(added) = change.added() else { return };
        let named = [
            (NameKind::Agent, added.agent_name),
            (NameKind::Type, added.agent_type),
        ];
        let tools = added.tools.iter().map(|&(tool, _)| (NameKind::Tool, tool));
        let unknown: Vec<_> = {
            let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
            let all = named.into_iter().chain(tools);
            all.filter(|(kind, name)| !names.is_admitted(*kind, name))
                .collect()
        };
        if unknown.is_empty() {
            return;
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        for (kind, name) in unknown {
            if names.admit(kind, name) {
                batch.names.push((kind, name.to_owned()));
            }
        }
    }
}
