//! The thread that writes.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{error, info, warn};

use agentpulse_failpoint::failpoint;
use agentpulse_pipeline::counters::Counters;
use agentpulse_store::sqlite::Error;
use agentpulse_store::tasks::{Before, Store, Tables, Unapplied};
use agentpulse_tasks::work::Loss;

use crate::clock::{Clock, SystemClock};
use crate::handle::{CurrentSettings, Order, Queue, Shown};
use crate::leases::Leases;
use crate::links::Links;
use crate::operation::{Applied, Effects, LeaseChange, Operation};
use crate::ops;
use crate::waiting::Waiting;
use agentpulse_tasks::settings::Settings;

/// Operations of one commit.
const MAX_BATCH: usize = 256;
/// Operations that wait for a commit.
const MAX_WAITING: usize = 1_024;
/// Leases that end in one commit: what workers ask for waits no longer than this takes.
const MAX_LOST: usize = 256;
/// A clock that is set moves what waits for a time: it looks again after this.
const MAX_REST: Duration = Duration::from_secs(60);
/// After a commit that failed.
const PAUSE: Duration = Duration::from_millis(200);
const PRUNE_EVERY: Duration = Duration::from_secs(600);
/// An answer is kept for a request that comes again.
const ANSWERS_KEPT_MS: i64 = 86_400_000;

pub struct Writer {
    clock: Box<dyn Clock>,
    store: Store,
    orders: Receiver<Order>,
    settings: CurrentSettings,
    waiting: Arc<Waiting>,
    links: Arc<Links>,
    counters: Arc<Counters>,
    /// The last event that is on the disk.
    seq: watch::Sender<i64>,
    /// Why the last commit failed.
    fault: watch::Sender<Option<String>>,
    leases: Leases,
    open: usize,
    /// Tasks whose time came until then have woken somebody.
    due_ms: i64,
    /// When the next one waits for.
    next_due_ms: Option<i64>,
    prune_at: Instant,
}

/// # Errors
/// The database cannot be opened.
pub fn open(
    path: &Path,
    settings: CurrentSettings,
    counters: Arc<Counters>,
) -> Result<(Arc<Queue>, Writer), Error> {
    open_by(path, settings, counters, Box::new(SystemClock))
}

/// By these clocks.
///
/// # Errors
/// The database cannot be opened.
pub fn open_by(
    path: &Path,
    settings: CurrentSettings,
    counters: Arc<Counters>,
    clock: Box<dyn Clock>,
) -> Result<(Arc<Queue>, Writer), Error> {
    let store = Store::open(path)?;
    let (now, now_ms) = (clock.now(), clock.now_ms());
    let (running, linked, open, last, next_due_ms) = store.read(|tables| {
        let (running, linked) = (tables.running()?, tables.links_held()?);
        Ok((
            running,
            linked,
            tables.count_open()?,
            tables.last_event()?,
            tables.next_due_ms(now_ms)?,
        ))
    })?;
    let reader = Store::open_to_read(path)?;
    let (sender, orders) = sync_channel(MAX_WAITING);
    let (seq, shown) = watch::channel(last);
    let waiting = Arc::new(Waiting::default());
    let links = Arc::new(Links::of(linked));
    let (fault, shown_fault) = watch::channel(None);
    let shown = Shown {
        waiting: waiting.clone(),
        links: links.clone(),
        counters: counters.clone(),
        seq: shown,
        fault: shown_fault,
    };
    let queue = Queue::new(sender, reader, settings.clone(), shown);
    let writer = Writer {
        leases: Leases::again(&running, now),
        clock,
        store,
        orders,
        settings,
        waiting,
        links,
        counters,
        seq,
        fault,
        open,
        due_ms: now_ms,
        next_due_ms,
        prune_at: now,
    };
    Ok((Arc::new(queue), writer))
}

impl Writer {
    /// Runs until the queue is dropped. Blocks.
    pub fn run(mut self) {
        loop {
            let first = match self.orders.recv_timeout(self.rest()) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let more = self.orders.try_iter().take(MAX_BATCH - 1);
            let orders: Vec<Order> = first.into_iter().chain(more).collect();
            if !orders.is_empty() || self.is_due() {
                self.commit(orders);
            }
            if self.clock.now() >= self.prune_at {
                self.prune();
            }
        }
    }

    fn rest(&self) -> Duration {
        let now = self.clock.now();
        let lease = self.leases.next_end();
        let lease = lease.map_or(MAX_REST, |end| end.saturating_duration_since(now));
        let due = self.next_due_ms.map_or(MAX_REST, |due_ms| {
            let left_ms = u64::try_from(due_ms - self.clock.now_ms()).unwrap_or(0);
            Duration::from_millis(left_ms)
        });
        let prune = self.prune_at.saturating_duration_since(now);
        lease.min(due).min(prune).min(MAX_REST)
    }

    fn is_due(&self) -> bool {
        let is_lost = self
            .leases
            .next_end()
            .is_some_and(|end| end <= self.clock.now());
        is_lost
            || self
                .next_due_ms
                .is_some_and(|due_ms| due_ms <= self.clock.now_ms())
    }

    /// A part at a time, so that nobody waits for all of it.
    fn prune(&mut self) {
        let (settings, now_ms) = ((self.settings)(), self.clock.now_ms());
        let before = Before {
            ended_ms: now_ms - settings.keep_ms,
            logs_ms: now_ms - settings.keep_logs_ms,
            answers_ms: now_ms - ANSWERS_KEPT_MS,
        };
        let pruned = self.store.write(|tables| tables.prune(&before));
        let pause = match pruned {
            Ok(1..) => PAUSE,
            Ok(0) => PRUNE_EVERY,
            Err(error) => {
                warn!(%error, "old tasks cannot be deleted");
                PRUNE_EVERY
            }
        };
        self.prune_at = self.clock.now() + pause;
    }

    fn commit(&mut self, orders: Vec<Order>) {
        let settings = (self.settings)();
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        let lost: Vec<(i64, Loss)> = self.leases.ended(now).into_iter().take(MAX_LOST).collect();
        let mut turn = Turn {
            settings: &settings,
            leases: &self.leases,
            now,
            now_ms,
            open: self.open,
            effects: Effects::default(),
        };
        let due_ms = self.due_ms;
        let mut replies = Vec::with_capacity(orders.len());
        let written = self.store.write(|tables| {
            for (task, loss) in &lost {
                let chance = chance();
                turn.apply(tables, |of| ops::lose(of, *task, *loss, chance))
                    .or_else(whole)?;
            }
            for order in orders {
                replies.push(order(tables, &mut turn)?);
            }
            let due = tables.became_due(due_ms, now_ms)?;
            let read = (due, tables.last_event()?, tables.next_due_ms(now_ms)?);
            failpoint("queue.applied");
            Ok(read)
        });
        let (effects, open) = (turn.effects, turn.open);
        match written {
            Ok((due, seq, next_due_ms)) => {
                failpoint("queue.committed");
                if self.fault.send_replace(None).is_some() {
                    info!("tasks are written again");
                }
                self.next_due_ms = next_due_ms;
                self.open = open;
                self.due_ms = now_ms;
                self.follow(effects, &lost, now);
                self.seq.send_replace(seq);
                replies.into_iter().for_each(|reply| reply());
                due.iter()
                    .for_each(|(to, of_type)| self.waiting.wake(to, of_type));
            }
            Err(error) => {
                // Who asked learns of it by the end of its channel.
                drop(replies);
                self.counters.task_commit_failures.add(1);
                if self.fault.send_replace(Some(error.to_string())).is_none() {
                    error!(%error, "tasks cannot be written; it is tried again and again");
                }
                std::thread::sleep(PAUSE);
            }
        }
    }

    fn follow(&mut self, effects: Effects, lost: &[(i64, Loss)], now: Instant) {
        effects.tally.add_to(&self.counters);
        for (task, loss) in lost {
            warn!(task, loss = loss.error_type(), "a worker has lost its task");
            self.leases.end(*task);
            self.links.end(*task);
        }
        for change in effects.leases {
            match change {
                LeaseChange::Begin(begin) => self.leases.begin(&begin, now),
                LeaseChange::Renew { task, lease_ms } => self.leases.renew(task, lease_ms, now),
                LeaseChange::End(task) => {
                    self.leases.end(task);
                    self.links.end(task);
                }
                LeaseChange::Link { task, claim, link } => self.links.add(task, claim, link),
            }
        }
        for (to, of_type) in &effects.woken {
            self.waiting.wake(to, of_type);
        }
    }
}

/// A refusal ends an operation, and an error of the disk the whole commit.
fn whole<T: Default>(unapplied: Unapplied) -> Result<T, agentpulse_store::tasks::DiskError> {
    match unapplied {
        Unapplied::Refused(_) => Ok(T::default()),
        Unapplied::Failed(error) => Err(error),
    }
}

/// One commit.
pub(crate) struct Turn<'t> {
    settings: &'t Settings,
    leases: &'t Leases,
    now: Instant,
    now_ms: i64,
    open: usize,
    effects: Effects,
}

impl Turn<'_> {
    pub fn apply<T>(
        &mut self,
        tables: &Tables,
        work: impl FnOnce(&mut Operation) -> Applied<T>,
    ) -> Applied<T> {
        let mut effects = Effects::default();
        let done = tables.attempt(|tables| {
            let mut of = Operation {
                tables,
                settings: self.settings,
                now_ms: self.now_ms,
                leases: self.leases,
                now: self.now,
                open: self.open,
                effects: Effects::default(),
                unsettled: Vec::new(),
            };
            let done = work(&mut of)?;
            of.settle()?;
            effects = of.effects;
            Ok(done)
        })?;
        self.open = (self.open + effects.opened).saturating_sub(effects.ended);
        self.effects.add(effects);
        Ok(done)
    }
}

/// 0..1: tasks that failed together are not tried again together.
pub fn chance() -> f64 {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(random) / f64::from(u32::MAX)
}
