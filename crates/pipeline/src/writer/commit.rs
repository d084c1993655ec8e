//! One commit in the making: what memory, history and the journal know, and on top of it what is
//! decided. Nothing of it is remembered before it is committed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tracing::error;

use super::handle::Unavailable;
use super::hook_cache::HookCache;
use super::memory::Memory;
use super::state::Writer;
use super::task_lists::TaskList;
use crate::clock::Now;
use crate::running::run_bytes;
use agentpulse_core::change::Change;
use agentpulse_core::error::Rejection;
use agentpulse_core::event::Progress;
use agentpulse_core::execution::Execution;
use agentpulse_core::names::{NameKind, Names, TrackedName};
use agentpulse_core::turns::{SessionMark, Turns};
use agentpulse_store::journal::{Deferred, Entry};

/// What the events of one commit make of executions, in bytes; one submission may go beyond it.
pub(super) const MAX_BATCH_BYTES: usize = 16 << 20;

/// What is decided.
#[derive(Default)]
pub(super) struct Batch {
    pub changes: Vec<Arc<Change>>,
    pub heartbeats: Vec<Progress>,
    pub task_lists: Vec<TaskList>,
    pub tracked_names: Vec<TrackedName>,
    /// The names before the first of these places, for a batch that comes to nothing.
    pub names_before: Option<Names>,
    /// The marks of agents, where they are not as they were.
    pub turns: HashMap<String, Arc<Turns>>,
    /// Sessions and what happened to them.
    pub session_marks: BTreeSet<(String, SessionMark)>,
    /// Agents of which turns are to be restated later, and those of which that is done.
    pub deferred: Vec<(String, Deferred)>,
    pub resumed: Vec<String>,
    /// About what the changes and the marks take, and what was read for them, in bytes.
    pub bytes: usize,
}

pub(super) struct Commit<'w> {
    pub writer: &'w Writer,
    pub memory: &'w Memory,
    pub now: Now,
    pub batch: Batch,
    /// Executions as the changes leave them.
    pub staged: HashMap<String, Arc<Execution>>,
    /// Executions as history has them.
    looked_up: HashMap<String, Arc<Execution>>,
    pub hooks: HookCache,
    started: usize,
    /// What the memory of running executions grows by, in bytes; what it shrinks by counts once
    /// the batch is committed.
    grown: usize,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.turns.is_empty()
            && self.session_marks.is_empty()
            && self.deferred.is_empty()
            && self.resumed.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.bytes >= MAX_BATCH_BYTES
    }

    pub fn entry(&self, now: Now) -> Entry<'_> {
        let (turns, marks) = (self.turns.iter(), self.session_marks.iter());
        let deferred = self.deferred.iter();
        Entry {
            at_ms: now.wall_ms,
            changes: &self.changes,
            tracked_names: &self.tracked_names,
            turns: turns
                .map(|(id, turns)| (id.as_str(), turns.as_ref()))
                .collect(),
            session_marks: marks.map(|(id, mark)| (id.as_str(), mark)).collect(),
            deferred: deferred.map(|(id, one)| (id.as_str(), *one)).collect(),
            resumed: self.resumed.iter().map(String::as_str).collect(),
            ended: Vec::new(),
        }
    }
}

impl<'w> Commit<'w> {
    pub fn new(writer: &'w Writer, memory: &'w Memory, now: Now) -> Commit<'w> {
        Commit {
            writer,
            memory,
            now,
            batch: Batch::default(),
            staged: HashMap::new(),
            looked_up: HashMap::new(),
            hooks: HookCache::default(),
            started: 0,
            grown: 0,
        }
    }

    /// Whether an execution runs after all that is decided.
    pub fn is_running(&self, id: &str) -> bool {
        match self.staged.get(id) {
            Some(execution) => execution.is_running(),
            None => self.memory.running.has(id),
        }
    }

    /// Whether history need not be asked for an execution.
    pub fn is_at_hand(&self, id: &str) -> bool {
        self.staged.contains_key(id) || self.memory.get(id).is_some()
    }

    /// An execution after all that is decided, if it has been looked up.
    pub fn current(&self, id: &str) -> Option<&Arc<Execution>> {
        let newer = self.staged.get(id).or_else(|| self.memory.get(id));
        newer.or_else(|| self.looked_up.get(id))
    }

    /// As [`current`](Self::current), looked up if need be.
    pub fn execution(&mut self, id: &str) -> Result<Option<Arc<Execution>>, Unavailable> {
        if self.current(id).is_none() {
            let found = self.find(&[id])?;
            self.batch.bytes += found.values().map(|one| one.bytes()).sum::<usize>();
            self.looked_up.extend(found);
        }
        Ok(self.current(id).cloned())
    }

    /// Looks these up in history together; what was looked up before is staged by now, or is looked
    /// up again.
    pub fn look_up(&mut self, ids: &[&str]) -> Result<(), Unavailable> {
        self.looked_up = match ids.is_empty() {
            true => HashMap::new(),
            false => self.find(ids)?,
        };
        Ok(())
    }

    fn find(&self, ids: &[&str]) -> Result<HashMap<String, Arc<Execution>>, Unavailable> {
        self.known_to_history(self.writer.history.find(ids))
    }

    pub fn known_to_history<T>(
        &self,
        read: Result<T, agentpulse_store::history::Error>,
    ) -> Result<T, Unavailable> {
        read.map_err(|error| {
            error!(%error, "history cannot be read, so duplicates cannot be recognized");
            self.writer.report_damage(&error);
            Unavailable("history cannot be read".to_owned())
        })
    }

    /// Takes the room that a running execution needs in memory beyond what it had.
    ///
    /// # Errors
    /// There is none: it begins to run, or grows, beyond a limit.
    pub fn make_room(
        &mut self,
        before: Option<&Execution>,
        after: &Execution,
    ) -> Result<(), Rejection> {
        if !after.is_running() {
            return Ok(());
        }
        let before = before.filter(|before| before.is_running());
        let (running, settings) = (&self.memory.running, &self.writer.settings);
        if before.is_none() && running.count() + self.started >= settings.max_running {
            self.writer.counters.starts_refused.add(1);
            return Err(Rejection::new(format!(
                "start: limits.running allows {} executions at once",
                settings.max_running
            )));
        }
        let more = run_bytes(after).saturating_sub(before.map_or(0, run_bytes));
        if more > 0 && running.bytes() + self.grown + more > settings.max_running_bytes {
            self.writer.counters.starts_refused.add(1);
            return Err(Rejection::new(format!(
                "start: limits.running_bytes allows {} bytes for all that run",
                settings.max_running_bytes
            )));
        }
        self.grown += more;
        Ok(())
    }

    pub fn stage(&mut self, before: Option<Arc<Execution>>, after: Execution) {
        let after = Arc::new(after);
        let was_running = before.as_ref().is_some_and(|before| before.is_running());
        self.started += usize::from(after.is_running() && !was_running);
        let seq = self.writer.journal.last_seq() + 1 + self.batch.changes.len() as u64;
        let change = Change::between(before, after.clone(), seq, self.now.wall_ms);
        self.track(&change);
        self.batch.bytes += after.bytes() + change.before.as_ref().map_or(0, |one| one.bytes());
        self.staged.insert(after.id.clone(), after);
        self.batch.changes.push(Arc::new(change));
    }

    /// Gives the names of a change their place on its day, before anything is counted under them.
    fn track(&mut self, change: &Change) {
        let Some(added) = change.added() else { return };
        let unknown: Vec<_> = {
            let names = self.writer.names.read();
            let day = added.day(names.zone());
            // Types count in hours, too, which may begin on the day before.
            let day_of_hour = names.zone().day_of_hour(added.hour());
            let named = [
                (NameKind::Agent, day, added.agent_name),
                (NameKind::Type, day, added.agent_type),
                (NameKind::Type, day_of_hour, added.agent_type),
            ];
            let tools = added.tools.iter();
            let tools = tools.map(|&(tool, _)| (NameKind::Tool, day, tool));
            let all = named.into_iter().chain(tools);
            all.filter(|(kind, day, name)| !names.is_settled(*kind, *day, name))
                .collect()
        };
        if unknown.is_empty() {
            return;
        }
        let mut names = self.writer.names.write();
        self.batch.names_before.get_or_insert_with(|| names.clone());
        for (kind, day, name) in unknown {
            self.batch
                .tracked_names
                .extend(names.track(kind, day, name));
        }
    }
}
