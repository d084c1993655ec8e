//! What each event changes: decided in memory, for one commit, before anything is remembered.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::error;

use super::heard::Heard;
use super::{Memory, Unavailable, Verdict, Writer};
use crate::domain::change::Change;
use crate::domain::error::Refusal;
use crate::domain::event::{Event, Progress};
use crate::domain::execution::{Execution, Fact};
use crate::domain::names::{NameKind, Names, Place};
use crate::flow::clock::Now;
use crate::flow::running::run_bytes;
use crate::journal::Entry;

/// One commit's worth of decisions. Nothing of it is remembered before it is committed.
#[derive(Default)]
pub struct Batch {
    pub(super) staged: HashMap<String, Arc<Execution>>,
    found: HashMap<String, Arc<Execution>>,
    pub heard: Heard,
    pub changes: Vec<Arc<Change>>,
    pub signs: Vec<Progress>,
    pub places: Vec<Place>,
    /// The names before the first of these places, for a batch that comes to nothing.
    pub(super) names_before: Option<Names>,
    started: usize,
    /// About what the changes take, and what hooks told, in bytes.
    pub bytes: usize,
    /// What the memory of running executions grows by, in bytes; what it shrinks by counts once
    /// the batch is committed.
    grown: usize,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.heard.turns.is_empty() && self.heard.ends.is_empty()
    }

    pub fn entry(&self, now: Now) -> Entry<'_> {
        let (turns, ends) = (self.heard.turns.iter(), self.heard.ends.iter());
        Entry {
            at_ms: now.wall_ms,
            changes: &self.changes,
            places: &self.places,
            turns: turns
                .map(|(id, turns)| (id.as_str(), turns.as_ref()))
                .collect(),
            session_ends: ends.map(|(id, at_ms)| (id.as_str(), *at_ms)).collect(),
            ended: Vec::new(),
        }
    }

    /// Whether an execution runs after all that the batch has decided.
    pub(super) fn is_running(&self, memory: &Memory, id: &str) -> bool {
        match self.staged.get(id) {
            Some(execution) => execution.is_running(),
            None => memory.running.has(id),
        }
    }

    fn known<'a>(&'a self, memory: &'a Memory, id: &str) -> Option<&'a Arc<Execution>> {
        let newer = self.staged.get(id).or_else(|| memory.get(id));
        newer.or_else(|| self.found.get(id))
    }
}

impl Writer {
    /// Fetches from history, in one look, what memory does not hold.
    pub(super) fn look_up(
        &self,
        memory: &Memory,
        events: &[Event],
        batch: &mut Batch,
    ) -> Result<(), Unavailable> {
        let mut unknown: Vec<&str> = events
            .iter()
            .filter_map(|event| match event {
                Event::Fact { id, .. } => Some(id.as_str()),
                // It changes nothing of one that runs.
                Event::Progress(progress) if memory.running.has(&progress.id) => None,
                Event::Progress(progress) => Some(progress.id.as_str()),
                // What hooks tell is rare, and of whom is known only when it is taken in.
                Event::Hook(_) | Event::Read(_) | Event::Ignored => None,
            })
            .filter(|id| !batch.staged.contains_key(*id) && memory.get(id).is_none())
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        // What was found for the events before these is staged by now, or is found again.
        batch.found = match unknown.is_empty() {
            true => HashMap::new(),
            false => self.find(&unknown)?,
        };
        Ok(())
    }

    fn find(&self, ids: &[&str]) -> Result<HashMap<String, Arc<Execution>>, Unavailable> {
        self.looked_up(self.history.find(ids))
    }

    pub(super) fn looked_up<T>(
        &self,
        read: Result<T, crate::history::Error>,
    ) -> Result<T, Unavailable> {
        read.map_err(|error| {
            error!(%error, "history cannot be read, so a duplicate could not be told");
            self.tell_damage(&error);
            Unavailable("history cannot be read".to_owned())
        })
    }

    /// An execution as it is after all that the batch has decided.
    pub(super) fn execution(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        id: &str,
    ) -> Result<Option<Arc<Execution>>, Unavailable> {
        if batch.known(memory, id).is_none() {
            let found = self.find(&[id])?;
            batch.found.extend(found);
        }
        Ok(batch.known(memory, id).cloned())
    }

    pub(super) fn decide(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        event: Event,
        now: Now,
    ) -> Result<Verdict, Unavailable> {
        let (id, fact) = match event {
            Event::Ignored => {
                self.counters.events_ignored.add(1);
                return Ok(Verdict::Progress);
            }
            Event::Hook(hook) => return self.hear(memory, batch, &hook, now),
            Event::Read(read) => return self.read(memory, batch, *read, now),
            Event::Fact { id, fact } => (id, fact),
            Event::Progress(progress) => return Ok(self.progress(memory, batch, progress, now)),
        };
        let before = batch.known(memory, &id).cloned();
        if before.as_ref().is_some_and(|before| !before.accepts(&fact)) {
            return Ok(Verdict::Duplicate);
        }
        let mut after = match &before {
            Some(execution) => Execution::clone(execution),
            None => Execution::new(id),
        };
        let is_over = matches!(fact, Fact::Stop(_));
        after.merge(fact, &self.tuning.catalog);
        if is_over {
            self.restate_on_end(batch, &mut after)?;
        }
        if let Err(refusal) = self.make_room(memory, batch, before.as_deref(), &after) {
            return Ok(Verdict::Refused(refusal));
        }
        self.stage(batch, before, after, now);
        Ok(Verdict::Accepted)
    }

    /// A heartbeat of what runs; it brings back what had timed out. Of any other execution it
    /// means nothing: one that is ahead of its start must not count as heard once it starts.
    fn progress(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        progress: Progress,
        now: Now,
    ) -> Verdict {
        if !batch.is_running(memory, &progress.id) {
            let known = batch.known(memory, &progress.id).cloned();
            let Some(before) = known.filter(|known| known.accepts(&Fact::Alive)) else {
                return Verdict::Progress;
            };
            let mut after = Execution::clone(&before);
            after.merge(Fact::Alive, &self.tuning.catalog);
            if let Err(refusal) = self.make_room(memory, batch, Some(&before), &after) {
                return Verdict::Refused(refusal);
            }
            self.stage(batch, Some(before), after, now);
        }
        batch.signs.push(progress);
        Verdict::Progress
    }

    /// Takes the room that a running execution needs in memory beyond what it had.
    ///
    /// # Errors
    /// There is none: it begins to run, or grows, beyond a limit.
    pub(super) fn make_room(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        before: Option<&Execution>,
        after: &Execution,
    ) -> Result<(), Refusal> {
        if !after.is_running() {
            return Ok(());
        }
        let before = before.filter(|before| before.is_running());
        let (running, tuning) = (&memory.running, &self.tuning);
        if before.is_none() && running.count() + batch.started >= tuning.max_running {
            self.counters.starts_refused.add(1);
            return Err(Refusal::new(format!(
                "start: limits.running allows {} executions at once",
                tuning.max_running
            )));
        }
        let more = run_bytes(after).saturating_sub(before.map_or(0, run_bytes));
        if more > 0 && running.bytes() + batch.grown + more > tuning.max_running_bytes {
            self.counters.starts_refused.add(1);
            return Err(Refusal::new(format!(
                "start: limits.running_bytes allows {} bytes for all that run",
                tuning.max_running_bytes
            )));
        }
        batch.grown += more;
        Ok(())
    }

    pub(super) fn stage(
        &self,
        batch: &mut Batch,
        before: Option<Arc<Execution>>,
        after: Execution,
        now: Now,
    ) {
        let after = Arc::new(after);
        let was_running = before.as_ref().is_some_and(|before| before.is_running());
        batch.started += usize::from(after.is_running() && !was_running);
        let seq = self.journal.last_seq() + 1 + batch.changes.len() as u64;
        let change = Change::between(before, after.clone(), seq, now.wall_ms);
        self.admit(batch, &change);
        batch.bytes += after.bytes();
        batch.staged.insert(after.id.clone(), after);
        batch.changes.push(Arc::new(change));
    }

    /// Gives the names of a change their place on its day, before anything is counted under them.
    fn admit(&self, batch: &mut Batch, change: &Change) {
        let Some(added) = change.added() else { return };
        let day = added.day();
        let named = [
            (NameKind::Agent, added.agent_name),
            (NameKind::Type, added.agent_type),
        ];
        let tools = added.tools.iter().map(|&(tool, _)| (NameKind::Tool, tool));
        let unknown: Vec<_> = {
            let names = self.names.read();
            let all = named.into_iter().chain(tools);
            all.filter(|(kind, name)| !names.is_settled(*kind, day, name))
                .collect()
        };
        if unknown.is_empty() {
            return;
        }
        let mut names = self.names.write();
        batch.names_before.get_or_insert_with(|| names.clone());
        for (kind, name) in unknown {
            batch.places.extend(names.admit(kind, day, name));
        }
    }
}
