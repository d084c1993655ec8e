//! The one writer: decides what each event changes, journals the changes in one commit for all
//! that are queued, and only then acknowledges them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use super::changes::{Changes, View};
use super::clock::now_ms;
use super::counters::Counters;
use super::running::{Now, Running, Timeouts};
use crate::domain::change::{Change, ChangeKind};
use crate::domain::error::Refusal;
use crate::domain::event::{Event, Progress};
use crate::domain::execution::{Catalog, Execution, Fact};
use crate::domain::names::{NameKind, Names};
use crate::domain::view::Active;
use crate::history::Reader;
use crate::journal::{Journal, Prune};
use crate::sqlite;

/// Submissions that wait for the writer; who comes later waits at the door. A submission holds at
/// most 256 events, so that the queue stays below some 30 MB.
const MAX_QUEUED: usize = 64;
/// Events in one commit: a larger one gains nothing and makes the first of them wait longer.
const MAX_BATCH: usize = 4_096;
/// Executions that time out in one commit.
const MAX_REAPED: usize = 1_024;
/// Above this the writer itself waits for the log to be written back; else the log would grow as
/// long as events never pause.
const MAX_WAL_BYTES: u64 = 64 << 20;

#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Accepted,
    Duplicate,
    Progress,
    Refused(Refusal),
}

/// The journal cannot be written: nothing of the submission was accepted.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

pub enum Message {
    Submit {
        events: Vec<Event>,
        reply: oneshot::Sender<Result<Vec<Verdict>, Unavailable>>,
    },
    /// Ends what is past its deadline, and prunes.
    Tend { reap: bool },
    /// History has committed all up to here: memory may let go of it.
    Flushed(u64),
    /// Everything that runs, with its last sign of life.
    Running(oneshot::Sender<Vec<Active>>),
}

/// The writer's door.
#[derive(Clone)]
pub struct Door(mpsc::Sender<Message>);

impl Door {
    pub async fn submit(&self, events: Vec<Event>) -> Result<Vec<Verdict>, Unavailable> {
        let (reply, verdicts) = oneshot::channel();
        self.send(Message::Submit { events, reply }).await?;
        verdicts.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// As [`submit`](Self::submit), but answers as soon as the events have their place in line.
    pub async fn enqueue(
        &self,
        events: Vec<Event>,
    ) -> Result<oneshot::Receiver<Result<Vec<Verdict>, Unavailable>>, Unavailable> {
        let (reply, verdicts) = oneshot::channel();
        self.send(Message::Submit { events, reply }).await?;
        Ok(verdicts)
    }

    pub async fn send(&self, message: Message) -> Result<(), Unavailable> {
        self.0.send(message).await.map_err(|_| stopped())
    }

    pub async fn running(&self) -> Result<Vec<Active>, Unavailable> {
        let (reply, running) = oneshot::channel();
        self.send(Message::Running(reply)).await?;
        running.await.map_err(|_| stopped())
    }
}

fn stopped() -> Unavailable {
    Unavailable("the daemon is stopping".to_owned())
}

/// Signs of life on their way to the live picture; of each execution the last.
#[derive(Default)]
pub struct Signs(Mutex<HashMap<String, Active>>);

impl Signs {
    fn put(&self, active: Active) {
        let mut signs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        signs.insert(active.agent_id.clone(), active);
    }

    pub fn take(&self) -> Vec<Active> {
        let mut signs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *signs).into_values().collect()
    }
}

pub struct WriterConfig {
    pub timeouts: Timeouts,
    /// Executions that may run at once.
    pub max_running: usize,
    pub keep_rows: u64,
    pub keep_ms: i64,
}

pub struct Writer {
    pub config: WriterConfig,
    pub journal: Journal,
    pub history: Reader,
    pub catalog: Catalog,
    pub names: Arc<RwLock<Names>>,
    pub changes: Arc<Changes>,
    pub signs: Arc<Signs>,
    pub counters: Arc<Counters>,
    /// Up to where the journal must stay for a rebuild.
    pub hold: Arc<AtomicU64>,
    /// Damage that no retry mends; the daemon stops on it.
    pub damage: mpsc::Sender<String>,
}

/// What the writer remembers: the executions that run, and those that history does not have yet.
pub struct Memory {
    running: Running,
    unflushed: HashMap<String, (u64, Arc<Execution>)>,
    order: VecDeque<(u64, String)>,
    flushed_seq: u64,
}

impl Memory {
    pub fn new(timeouts: Timeouts) -> Memory {
        Memory {
            running: Running::new(timeouts),
            unflushed: HashMap::new(),
            order: VecDeque::new(),
            flushed_seq: 0,
        }
    }

    /// Takes in what history says that runs.
    pub fn load_running(&mut self, executions: &[Arc<Execution>], now: Now) {
        for execution in executions {
            self.running.load(execution, now);
        }
    }

    /// Takes in a change that history does not have yet.
    pub fn load(&mut self, change: &Change, now: Now) {
        self.running.load(&change.after, now);
        self.remember(change);
    }

    fn follow(&mut self, change: &Change, now: Now) {
        self.running.follow(&change.after, now);
        self.remember(change);
    }

    fn remember(&mut self, change: &Change) {
        let id = change.after.id.clone();
        self.unflushed
            .insert(id.clone(), (change.seq, change.after.clone()));
        self.order.push_back((change.seq, id));
    }

    fn get(&self, id: &str) -> Option<&Arc<Execution>> {
        self.unflushed
            .get(id)
            .map(|(_, execution)| execution)
            .or_else(|| self.running.get(id))
    }

    fn flushed(&mut self, seq: u64) {
        self.flushed_seq = self.flushed_seq.max(seq);
        while let Some((first, id)) = self.order.front()
            && *first <= seq
        {
            if self
                .unflushed
                .get(id)
                .is_some_and(|(last, _)| last == first)
            {
                self.unflushed.remove(id);
            }
            self.order.pop_front();
        }
        if self.unflushed.capacity() > 4 * self.unflushed.len() + 1_024 {
            self.unflushed.shrink_to_fit();
            self.order.shrink_to_fit();
        }
    }
}

/// Makes the writer's door; the other end goes to [`Writer::run`].
pub fn door() -> (Door, mpsc::Receiver<Message>) {
    let (sender, receiver) = mpsc::channel(MAX_QUEUED);
    (Door(sender), receiver)
}

/// One commit's worth of decisions. Nothing of it is remembered before it is committed.
#[derive(Default)]
struct Batch {
    staged: HashMap<String, Arc<Execution>>,
    found: HashMap<String, Arc<Execution>>,
    changes: Vec<Arc<Change>>,
    heard: Vec<Progress>,
    names: Vec<(NameKind, String)>,
    started: usize,
}

impl Writer {
    /// Runs on a thread of its own until every door is closed and the queue is empty.
    pub fn run(mut self, mut memory: Memory, mut queue: mpsc::Receiver<Message>) {
        while let Some(first) = queue.blocking_recv() {
            let mut submissions = Vec::new();
            let mut events = 0;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Submit {
                        events: some,
                        reply,
                    } => {
                        events += some.len();
                        submissions.push((some, reply));
                    }
                    other => self.attend(&mut memory, other),
                }
                next = if events < MAX_BATCH {
                    queue.try_recv().ok()
                } else {
                    None
                };
            }
            if !submissions.is_empty() {
                self.accept(&mut memory, submissions);
            }
            self.bound_wal();
        }
    }

    fn attend(&mut self, memory: &mut Memory, message: Message) {
        match message {
            Message::Flushed(seq) => memory.flushed(seq),
            Message::Running(reply) => drop(reply.send(memory.running.all())),
            Message::Tend { reap } => {
                if reap {
                    self.reap(memory);
                }
                let prune = self.prune(memory);
                if let Err(error) = self.journal.prune(&prune, MAX_BATCH) {
                    warn!(%error, "the journal could not be pruned");
                }
            }
            Message::Submit { .. } => {}
        }
    }

    #[allow(clippy::type_complexity)]
    fn accept(
        &mut self,
        memory: &mut Memory,
        submissions: Vec<(
            Vec<Event>,
            oneshot::Sender<Result<Vec<Verdict>, Unavailable>>,
        )>,
    ) {
        let now = now();
        let (events, replies): (Vec<_>, Vec<_>) = submissions.into_iter().unzip();
        let mut batch = Batch::default();
        let outcome = self.look_up(memory, &events, &mut batch).and_then(|()| {
            let verdicts: Vec<Vec<Verdict>> = events
                .into_iter()
                .map(|some| {
                    some.into_iter()
                        .map(|e| self.decide(memory, &mut batch, e, now))
                        .collect()
                })
                .collect();
            self.commit(memory, batch, now).map(|()| verdicts)
        });
        match outcome {
            Ok(verdicts) => {
                for (reply, verdicts) in replies.into_iter().zip(verdicts) {
                    self.count(&verdicts);
                    // Whoever has gone away meanwhile will send again, and be told: duplicate.
                    drop(reply.send(Ok(verdicts)));
                }
            }
            Err(unavailable) => {
                for reply in replies {
                    drop(reply.send(Err(unavailable.clone())));
                }
            }
        }
    }

    /// Fetches from history, in one look, what memory does not hold.
    fn look_up(
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

    fn decide(&self, memory: &Memory, batch: &mut Batch, event: Event, now: Now) -> Verdict {
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
        let starts = matches!(fact, Fact::Start(_) | Fact::Alive);
        if starts && memory.running.len() + batch.started >= self.config.max_running {
            return Verdict::Refused(Refusal::new(format!(
                "start: limits.running allows {} executions at once",
                self.config.max_running
            )));
        }
        self.stage(batch, id, before, fact, now);
        accepted
    }

    fn stage(
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

    fn commit(&mut self, memory: &mut Memory, batch: Batch, now: Now) -> Result<(), Unavailable> {
        if !batch.changes.is_empty() {
            let prune = self.prune(memory);
            if let Err(error) = self.journal.append(&batch.changes, &batch.names, &prune) {
                self.counters.journal_failures.add(1);
                error!(%error, "the journal could not be written");
                self.tell_damage(&error);
                let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
                for (kind, name) in &batch.names {
                    names.forget(*kind, name);
                }
                return Err(Unavailable("the journal cannot be written".to_owned()));
            }
        }
        for change in &batch.changes {
            memory.follow(change, now);
            if change.kind == ChangeKind::Revived {
                self.counters.revivals.add(1);
            }
        }
        self.changes.publish(&batch.changes);
        for progress in &batch.heard {
            if let Some(active) = memory.running.heard(progress, now) {
                self.signs.put(active);
            }
        }
        Ok(())
    }

    fn reap(&mut self, memory: &mut Memory) {
        let now = now();
        let due = memory.running.due(now.monotonic, MAX_REAPED);
        if due.is_empty() {
            return;
        }
        let count = due.len() as u64;
        let mut batch = Batch::default();
        for (id, ended_ms) in due {
            let before = memory.get(&id).cloned();
            if before
                .as_ref()
                .is_some_and(|execution| execution.is_running())
            {
                self.stage(&mut batch, id, before, Fact::TimedOut { ended_ms }, now);
            }
        }
        if self.commit(memory, batch, now).is_ok() {
            self.counters.timeouts.add(count);
        }
    }

    fn prune(&self, memory: &Memory) -> Prune {
        let hold = self.hold.load(Ordering::Acquire);
        let history_seq = memory
            .flushed_seq
            .max(self.changes.position(View::History))
            .min(hold);
        Prune {
            history_seq,
            keep_rows: self.config.keep_rows,
            older_than_ms: now_ms() - self.config.keep_ms,
        }
    }

    fn tell_damage(&self, error: &sqlite::Error) {
        if error.is_corrupt() {
            // One word is enough; the place is taken when it was already said.
            let _ = self.damage.try_send(error.to_string());
        }
    }

    fn bound_wal(&mut self) {
        if self.journal.wal_bytes() > MAX_WAL_BYTES
            && let Err(error) = self.journal.restart_wal()
        {
            warn!(%error, "the journal's log could not be written back");
        }
    }

    fn count(&self, verdicts: &[Verdict]) {
        for verdict in verdicts {
            match verdict {
                Verdict::Accepted => self.counters.events_accepted.add(1),
                Verdict::Duplicate => self.counters.events_duplicate.add(1),
                Verdict::Progress => self.counters.events_progress.add(1),
                Verdict::Refused(_) => self.counters.events_rejected.add(1),
            }
        }
    }
}

fn now() -> Now {
    Now {
        wall_ms: now_ms(),
        monotonic: Instant::now(),
    }
}
