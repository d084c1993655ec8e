//! The writer's thread: takes what waits in its queue, and does what is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::blocked::unwritten;
use super::commit::Commit;
use super::handle::Message;
use super::memory::Memory;
use super::state::Writer;
use crate::clock::now_ms;
use crate::watchdog::Part;
use agentpulse_core::execution::{Execution, TokenUsage};
use agentpulse_core::retention::forgotten_before_ms;
use agentpulse_failpoint::failpoint;

/// Events in one commit: a larger one gains nothing and makes the first of them wait longer.
const MAX_BATCH: usize = 4_096;
/// Above this the writer itself waits for the log to be written back; else the log would grow as
/// long as events never pause.
const MAX_WAL_BYTES: u64 = 64 << 20;

const FORGET_EVERY: Duration = Duration::from_secs(3_600);

impl Writer {
    /// Runs on a thread of its own until every handle is dropped and the queue is empty.
    pub fn run(mut self, mut memory: Memory, mut queue: mpsc::Receiver<Message>) {
        self.open_heartbeats(&mut memory);
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
                // Else the note would say that none of those is missing.
                if self.keep_heartbeats(memory) {
                    self.note_listened(memory);
                }
                let prune = self.prune(memory);
                failpoint("prune.reckoned");
                match self.journal.prune(&prune, MAX_BATCH) {
                    Ok(0) => {}
                    Ok(_) => failpoint("prune.journal"),
                    Err(error) => {
                        warn!(%error, "the journal could not be pruned");
                        self.counters.blocked.set(&unwritten(&error).0);
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
        let forgotten_ms = forgotten_before_ms(now_ms, self.settings.remember_ms);
        if let Err(error) = self.journal.forget(forgotten_ms) {
            warn!(%error, "what hooks reported could not be forgotten");
        }
        let first = {
            let mut names = self.names.write();
            let today = names.zone().day_of(now_ms);
            names.forget(today);
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

    /// Without an answer, the one that asks asks again.
    fn get(&self, memory: &Memory, id: &str, reply: oneshot::Sender<Option<Arc<Execution>>>) {
        let mut commit = Commit::new(self, memory, self.listening.now());
        if let Ok(execution) = commit.execution(id) {
            drop(reply.send(execution));
        }
    }

    fn bound_wal(&mut self) {
        if self.journal.wal_bytes() > MAX_WAL_BYTES
            && let Err(error) = self.journal.restart_wal()
        {
            warn!(%error, "the journal's log could not be written back");
        }
    }
}
