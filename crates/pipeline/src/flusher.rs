//! Follows the journal into history: what has gathered is folded into one transaction that also
//! moves history's cursor.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};

use super::changes::{Changes, View};
use super::clock::now_ms;
use super::counters::Counters;
use super::live_state::LiveState;
use super::persisted_counters::PersistedCounters;
use super::settings::SettingsWatch;
use super::watchdog::{Part, Watchdog};
use super::writer::{Message, WriterHandle};
use agentpulse_core::bucket::Day;
use agentpulse_core::cursor::Cursor;
use agentpulse_core::lifetime::LifetimeCounters;
use agentpulse_core::names::Names;
use agentpulse_failpoint::failpoint;
use agentpulse_store::history::{self, History, Pruned};
use agentpulse_store::journal::Tail;

/// Changes in one transaction; so many also start one before its time.
const BATCH: usize = 8_192;
/// While Redis is away every answer comes from history, and must be fresher.
const INTERVAL_WITHOUT_LIVE: Duration = Duration::from_millis(500);
const RETRY_AFTER: Duration = Duration::from_secs(1);
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// Above this the flusher itself waits for the log to be written back: with a backlog the
/// checkpoints beside it never catch up.
const MAX_WAL_BYTES: u64 = 64 << 20;
/// Rows that one transaction of a prune deletes.
const PRUNE_BATCH: usize = 5_000;

pub enum Command {
    /// Flushes what was committed when it was asked.
    Flush(oneshot::Sender<Result<(), String>>),
    Prune(oneshot::Sender<Result<Pruned, String>>),
}

/// Why history could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    #[error("{0}")]
    Store(#[from] history::Error),
    #[error("the journal lacks what history needs after change {0}: restore both from one backup")]
    Gap(u64),
}

impl FlushError {
    /// No retry mends it.
    fn is_damage(&self) -> bool {
        match self {
            FlushError::Store(error) => error.is_corrupt(),
            FlushError::Gap(_) => true,
        }
    }
}

pub struct Flusher {
    pub history: History,
    pub epoch: String,
    pub settings: SettingsWatch,
    pub changes: Arc<Changes>,
    pub tail: Tail,
    pub writer: WriterHandle,
    pub state: Arc<LiveState>,
    pub counters: Arc<Counters>,
    pub watchdog: Arc<Watchdog>,
    pub kept: Arc<PersistedCounters>,
    pub names: Arc<RwLock<Names>>,
}

impl Flusher {
    /// Runs until `stop`, then once more for what is left. An error is one that no
    /// retry mends.
    pub async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), FlushError> {
        let mut pruned = Instant::now() - PRUNE_EVERY;
        let mut pruning = None;
        loop {
            self.watchdog.idle(Part::History);
            // Between two steps of a prune only what is there is flushed.
            let command = match &pruning {
                None => self.wait(&mut commands, &mut stop).await,
                Some(_) => commands.try_recv().ok(),
            };
            let stopping = *stop.borrow();
            let flushed;
            (self, flushed) = self.flush_all().await;
            match flushed {
                Ok(()) => self = self.keep_counters().await,
                Err(error) if error.is_damage() => return Err(error),
                Err(error) => {
                    self.counters.flush_failures.add(1);
                    self.kept.show(self.kept.count(&self.counters));
                    warn!(%error, "history could not be written; it is tried again");
                    if let Some(command) = command {
                        refuse(command, &error);
                    }
                    if stopping {
                        return Ok(());
                    }
                    self.watchdog.idle(Part::History);
                    sleep_until(Instant::now() + RETRY_AFTER).await;
                    continue;
                }
            }
            match command {
                Some(Command::Flush(reply)) => drop(reply.send(Ok(()))),
                Some(Command::Prune(reply)) => {
                    let asked: &mut Pruning = pruning.get_or_insert_default();
                    asked.replies.push(reply);
                }
                None if pruned.elapsed() >= PRUNE_EVERY && !stopping => {
                    pruned = Instant::now();
                    pruning.get_or_insert_default();
                }
                None => {}
            }
            if let Some(under_way) = pruning.take() {
                (self, pruning) = self.prune(under_way, stopping).await;
            }
            if stopping && self.changes.pending(View::History) == 0 {
                return Ok(());
            }
        }
    }

    /// Until it is time, or enough has gathered, or somebody asks.
    async fn wait(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<Command> {
        let began = Instant::now();
        let mut head = self.changes.subscribe();
        loop {
            let following = self.state.is_following();
            let interval = self.settings.borrow().flush_interval;
            let interval = if following {
                interval
            } else {
                interval.min(INTERVAL_WITHOUT_LIVE)
            };
            if *stop.borrow() || self.changes.pending(View::History) >= BATCH as u64 {
                return None;
            }
            // Woken at least as often as the shorter interval, to see that Redis went away.
            let wake = (began + interval).min(Instant::now() + INTERVAL_WITHOUT_LIVE);
            tokio::select! {
                command = commands.recv() => return command,
                _ = stop.changed() => return None,
                _ = head.changed() => {}
                () = sleep_until(wake) => {}
            }
            if began.elapsed() >= interval {
                return None;
            }
        }
    }

    async fn flush_all(mut self) -> (Flusher, Result<(), FlushError>) {
        let head = self.changes.head();
        while self.changes.position(View::History) < head {
            let flushed;
            (self, flushed) = self.flush().await;
            match flushed {
                Ok(seq) => {
                    self.changes.applied(View::History, seq);
                    // The writer is only gone when the daemon is; then nobody needs to know.
                    drop(self.writer.send(Message::Flushed(seq)).await);
                    failpoint("flush.told");
                }
                Err(error) => return (self, Err(error)),
            }
        }
        (self, Ok(()))
    }

    /// Writes the counters down, if there is news of them.
    async fn keep_counters(self) -> Flusher {
        self.counters.last.flushed.set(now_ms());
        let counts = self.kept.count(&self.counters);
        if self.kept.shown() == counts {
            return self;
        }
        let (this, outcome) = blocking(self, move |this| {
            let written = this.history.put_counters(&counts);
            this.kept.show(counts);
            written
        })
        .await;
        if let Err(error) = outcome {
            this.counters.flush_failures.add(1);
            warn!(%error, "the counters could not be written down");
        }
        this
    }

    /// One transaction, on a thread where it may wait for the disk.
    async fn flush(self) -> (Flusher, Result<u64, FlushError>) {
        self.watchdog.busy(Part::History);
        blocking(self, |this| {
            let position = this.changes.position(View::History);
            let batch = this.changes.after(position, BATCH, &this.tail)?;
            let Some(last) = batch.last() else {
                return Err(FlushError::Gap(position));
            };
            let totals = {
                let names = this.names.read();
                LifetimeCounters::of(batch.iter().map(Arc::as_ref), &names)
            };
            failpoint("flush.read");
            let cursor = Cursor::new(&this.epoch, last.seq);
            let at_limit = this.history.flush(&batch, &totals, &cursor)?;
            this.counters.sums_at_limit.add(at_limit);
            failpoint("flush.committed");
            this.bound_wal();
            Ok(last.seq)
        })
        .await
    }

    /// One step of a prune; answers what is left to do of it. A flush comes between two steps, so
    /// that history falls behind by one of them at most.
    async fn prune(self, mut pruning: Pruning, last: bool) -> (Flusher, Option<Pruning>) {
        self.watchdog.busy(Part::History);
        let (this, outcome) = blocking(self, move |this| {
            // A day later than what intake refuses, so that no event is on its way to what is
            // being forgotten, also around midnight.
            let oldest = Day::of(now_ms() - this.settings.borrow().remember_ms).back(1);
            let pruned = this.history.prune(oldest, PRUNE_BATCH);
            failpoint("prune.history");
            this.bound_wal();
            pruned
        })
        .await;
        let outcome = match outcome {
            Ok(pruned) => {
                pruning.all.executions += pruned.executions;
                pruning.all.buckets += pruned.buckets;
                if pruned.rows() == PRUNE_BATCH && !last {
                    return (this, Some(pruning));
                }
                Ok(pruning.all)
            }
            Err(error) => {
                error!(%error, "old history could not be pruned");
                Err(error.to_string())
            }
        };
        let Pruned {
            executions,
            buckets,
        } = pruning.all;
        if pruning.all.rows() > 0 {
            info!(executions, buckets, "pruned old history");
        }
        for reply in pruning.replies {
            drop(reply.send(outcome.clone()));
        }
        (this, None)
    }

    fn bound_wal(&self) {
        if self.history.wal_bytes() > MAX_WAL_BYTES
            && let Err(error) = self.history.restart_wal()
        {
            warn!(%error, "history's log could not be written back");
        }
    }
}

/// A prune that is under way.
#[derive(Default)]
struct Pruning {
    all: Pruned,
    /// Who asked for it; nobody for the one of every hour.
    replies: Vec<oneshot::Sender<Result<Pruned, String>>>,
}

async fn blocking<T: Send + 'static>(
    mut flusher: Flusher,
    work: impl FnOnce(&mut Flusher) -> T + Send + 'static,
) -> (Flusher, T) {
    tokio::task::spawn_blocking(move || {
        let outcome = work(&mut flusher);
        (flusher, outcome)
    })
    .await
    .expect("a flush does not panic")
}

fn refuse(command: Command, error: &FlushError) {
    match command {
        Command::Flush(reply) => drop(reply.send(Err(error.to_string()))),
        Command::Prune(reply) => drop(reply.send(Err(error.to_string()))),
    }
}
