//! The one writer: decides what each event changes, journals the changes in one commit for all
//! that are queued, and only then acknowledges them.

mod accept;
mod blocked;
mod commit;
mod decide;
mod deferred;
mod facts;
mod handle;
mod heartbeats;
mod hook_state;
mod hooks;
mod keep;
mod live_usage;
mod memory;
mod restate;
mod transcript_queue;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use self::commit::{Batch, Commit};
pub use self::handle::{IngestOutcome, Message, Submission, Unavailable, WriterHandle, channel};
pub use self::heartbeats::Heartbeats;
pub use self::live_usage::{Due, LiveUsage, RunningLines};
pub use self::memory::Memory;
pub use self::transcript_queue::TranscriptQueue;
use super::changes::{Changes, View};
use super::clock::{Listening, Now, now_ms};
use super::counters::Counters;
use super::holds::Holds;
use super::settings::RuntimeSettings;
use super::watchdog::{Part, Watchdog};
use agentpulse_core::bucket::Day;
use agentpulse_core::change::ChangeKind;
use agentpulse_core::execution::{Execution, TokenUsage};
use agentpulse_core::names::Names;
use agentpulse_failpoint::failpoint;
use agentpulse_store::history::Reader;
use agentpulse_store::journal::{Journal, Prune};
use agentpulse_store::sqlite;

/// Events in one commit: a larger one gains nothing and makes the first of them wait longer.
const MAX_BATCH: usize = 4_096;
/// The same in bytes of what they make of executions; one submission may go beyond it.
const MAX_BATCH_BYTES: usize = 16 << 20;
/// Executions that time out in one commit.
const MAX_REAPED: usize = 1_024;
/// Above this the writer itself waits for the log to be written back; else the log would grow as
/// long as events never pause.
const MAX_WAL_BYTES: u64 = 64 << 20;

const FORGET_EVERY: Duration = Duration::from_secs(3_600);

pub struct Writer {
    pub settings: Arc<RuntimeSettings>,
    pub journal: Journal,
    pub history: Reader,
    pub names: Arc<RwLock<Names>>,
    pub changes: Arc<Changes>,
    pub heartbeats: Arc<Heartbeats>,
    /// Executions whose transcripts are to be read.
    pub unread: Arc<TranscriptQueue>,
    /// Executions whose transcripts are read while they run.
    pub live_usage: Arc<LiveUsage>,
    pub counters: Arc<Counters>,
    pub watchdog: Arc<Watchdog>,
    /// Up to where the journal must stay.
    pub holds: Arc<Holds>,
    /// Damage that no retry mends; the daemon stops on it.
    pub damage: mpsc::Sender<String>,
    /// When what hooks told is forgotten next.
    pub forget_at: Instant,
    pub listening: Listening,
    /// Of `listening`, what is in the journal.
    pub noted: Duration,
    /// When it is tried next whether events can be taken again.
    pub try_at: Instant,
    /// Whether the last such attempt could write to the journal.
    pub is_writable: bool,
    /// Whether turns may be to be restated that one commit had no room for.
    pub has_deferred: bool,
}

impl Writer {
    /// Runs on a thread of its own until every handle is dropped and the queue is empty.
    pub fn run(mut self, mut memory: Memory, mut queue: mpsc::Receiver<Message>) {
        while let Some(first) = queue.blocking_recv() {
            self.watchdog.busy(Part::Writer);
            let mut submissions = Vec::new();
            let mut events = 0;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Submit(submission) => {
                        events += submission.events.len();
                        submissions.push(submission);
                    }
                    other => self.handle(&mut memory, other),
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
            self.resume(&mut memory);
            self.bound_wal();
            self.watchdog.idle(Part::Writer);
        }
        self.keep_all_heartbeats(&mut memory);
    }

    fn handle(&mut self, memory: &mut Memory, message: Message) {
        match message {
            Message::Flushed(seq) => memory.flushed(seq),
            Message::Get(id, reply) => self.get(memory, &id, reply),
            Message::Reconfigure(settings) => {
                let (timeouts, max_bytes) = (settings.timeouts, settings.max_running_bytes);
                memory.running.reconfigure(timeouts, max_bytes);
                self.settings = settings;
            }
            Message::Running(reply) => drop(reply.send(memory.running.all())),
            Message::LiveUsage(spent) => self.spent(memory, spent),
            Message::Tick { reap } => {
                self.listen(memory);
                if !self.try_again(memory) {
                    return;
                }
                if reap {
                    self.reap(memory);
                }
                self.keep_heartbeats(memory);
                self.note_listened(memory);
                let prune = self.prune(memory);
                failpoint("prune.reckoned");
                match self.journal.prune(&prune, MAX_BATCH) {
                    Ok(0) => {}
                    Ok(_) => failpoint("prune.journal"),
                    Err(error) => {
                        warn!(%error, "the journal could not be pruned");
                        self.counters.blocked.set(&blocked::unwritten(&error).0);
                    }
                }
                self.forget();
            }
            Message::Submit(_) => {}
        }
    }

    /// Who tends knows that the socket is open. What was shown of deadlines was reckoned before.
    fn listen(&mut self, memory: &mut Memory) {
        if self.listening.begin() {
            memory.running.listen(self.listening.now());
            memory
                .running
                .all()
                .into_iter()
                .for_each(|heartbeat| self.heartbeats.put(heartbeat));
        }
    }

    /// A line as old as what is forgotten would be refused by now, also around midnight.
    fn forget(&mut self) {
        if Instant::now() < self.forget_at {
            return;
        }
        self.forget_at = Instant::now() + FORGET_EVERY;
        let now_ms = now_ms();
        let oldest = Day::of(now_ms - self.settings.remember_ms).back(1);
        if let Err(error) = self.journal.forget(oldest.start_ms()) {
            warn!(%error, "what hooks told could not be forgotten");
        }
        let first = {
            let mut names = self.names.write();
            names.forget(Day::of(now_ms));
            names.first()
        };
        if let Err(error) = self.journal.forget_tracked_names(first) {
            warn!(%error, "the places of expired days could not be forgotten");
        }
    }

    fn spent(&self, memory: &mut Memory, spent: Vec<(String, Option<TokenUsage>)>) {
        for (id, usage) in spent {
            if let Some(heartbeat) = memory.running.spent(&id, usage) {
                self.heartbeats.put(heartbeat);
            }
        }
    }

    /// Without an answer, whoever asks asks again.
    fn get(&self, memory: &Memory, id: &str, reply: oneshot::Sender<Option<Arc<Execution>>>) {
        let mut commit = Commit::new(self, memory, self.listening.now());
        if let Ok(execution) = commit.execution(id) {
            drop(reply.send(execution));
        }
    }

    fn commit(
        &mut self,
        memory: &mut Memory,
        mut batch: Batch,
        now: Now,
    ) -> Result<(), Unavailable> {
        if !batch.is_empty() {
            let prune = self.prune(memory);
            failpoint("commit.decided");
            let mut entry = batch.entry(now);
            let ended = batch
                .changes
                .iter()
                .filter(|change| !change.after.is_running());
            let ended = ended.map(|change| change.id());
            entry.ended = ended.filter(|id| memory.running.is_kept(id)).collect();
            if let Err(error) = self.journal.append(&entry, &prune) {
                self.counters.journal_failures.add(1);
                error!(%error, "the journal could not be written");
                self.report_damage(&error);
                self.untrack(&mut batch);
                let unavailable = blocked::unwritten(&error);
                self.counters.blocked.set(&unavailable.0);
                return Err(unavailable);
            }
            self.has_deferred |= !batch.deferred.is_empty();
            self.counters.last.journal_written.set(now.wall_ms);
            self.counters.blocked.clear();
        }
        failpoint("commit.journaled");
        for change in &batch.changes {
            let was_capped = change.before.as_ref().is_some_and(|one| one.is_capped());
            if change.after.is_capped() && !was_capped {
                self.counters.executions_capped.add(1);
            }
            memory.follow(change, now);
            self.live_usage.follow(&change.after);
            if !change.after.is_running() {
                self.heartbeats.forget(change.id());
            }
            if change.after.is_unread() {
                self.unread.put(change.id());
            }
            if change.kind == ChangeKind::Revived {
                self.counters.reopened.add(1);
            }
        }
        self.changes.publish(&batch.changes);
        // A change puts what it knows in the place of what was heard.
        let again = batch.changes.iter().map(|change| change.id());
        let again = again.filter_map(|id| memory.running.last(id));
        again.for_each(|heartbeat| self.heartbeats.put(heartbeat));
        for progress in &batch.heartbeats {
            if let Some(heartbeat) = memory.running.record_heartbeat(progress, now) {
                self.heartbeats.put(heartbeat);
            }
        }
        self.keep_heartbeats(memory);
        let dropped = memory.running.take_names_dropped();
        self.counters.tool_names_dropped.add(dropped);
        Ok(())
    }

    /// Those of a commit that came to nothing. Only the writer gives places.
    fn untrack(&self, batch: &mut Batch) {
        if let Some(before) = batch.names_before.take() {
            *self.names.write() = before;
        }
    }

    fn reap(&mut self, memory: &mut Memory) {
        let now = self.listening.now();
        let due = memory.running.due(now.listened, MAX_REAPED);
        if due.is_empty() {
            return;
        }
        let mut commit = Commit::new(self, memory, now);
        let decided = commit.time_out(due);
        let mut batch = commit.batch;
        // What cannot be read now is reaped when it can.
        if decided.is_err() {
            return self.untrack(&mut batch);
        }
        let count = batch.changes.len() as u64;
        if self.commit(memory, batch, now).is_ok() {
            self.counters.timeouts.add(count);
        }
    }

    fn prune(&self, memory: &Memory) -> Prune {
        let history_seq = memory
            .flushed_seq
            .max(self.changes.position(View::History))
            .min(self.holds.least());
        Prune {
            history_seq,
            keep_rows: self.settings.keep_rows,
            older_than_ms: now_ms() - self.settings.keep_ms,
        }
    }

    fn report_damage(&self, error: &sqlite::Error) {
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

    fn count(&self, outcomes: &[IngestOutcome]) {
        for outcome in outcomes {
            match outcome {
                IngestOutcome::Accepted => self.counters.events_accepted.add(1),
                IngestOutcome::Duplicate => self.counters.events_duplicate.add(1),
                IngestOutcome::Progress => self.counters.events_progress.add(1),
                IngestOutcome::Rejected(_) => self.counters.events_rejected.add(1),
            }
        }
    }
}
