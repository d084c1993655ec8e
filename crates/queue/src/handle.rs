//! The queue, for those who ask it.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};
use xxhash_rust::xxh3::xxh3_64;

use agentpulse_pipeline::counters::Counters;
use agentpulse_store::tasks::{DiskError, Store, Tables, Unapplied};
use agentpulse_tasks::refusal::Refusal;

use crate::links::Links;
use crate::operation::{Applied, Operation};
use crate::ops::{Claim, Claimed, claim};
use crate::standing::Known;
use crate::waiting::{Signal, Waiting};
use crate::writer::Turn;
use agentpulse_tasks::settings::Settings;

/// A commit takes milliseconds.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// What operations that wait may hold, in KiB.
const MAX_WAITING_KIB: usize = 32 << 10;
const KEY_IS_OF: &str = "this request";

/// The settings of this moment.
pub type CurrentSettings = Arc<dyn Fn() -> Arc<Settings> + Send + Sync>;

pub(crate) type Reply = Box<dyn FnOnce() + Send>;
/// Applies an operation, and returns what is to be done once it is on the disk.
pub(crate) type Order = Box<dyn FnOnce(&Tables, &mut Turn) -> Result<Reply, DiskError> + Send>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Denied {
    #[error("{0}")]
    Refused(Refusal),
    /// It is not on the disk, or it is not known.
    #[error("{0}")]
    Unwritten(String),
    #[error("too much is asked of the queue at once")]
    Busy,
}

pub struct Queue {
    orders: SyncSender<Order>,
    reader: Arc<Mutex<Store>>,
    settings: CurrentSettings,
    pub(crate) waiting: Arc<Waiting>,
    links: Arc<Links>,
    seq: watch::Receiver<i64>,
    room: Arc<Semaphore>,
    known: Known,
    counters: Arc<Counters>,
    fault: watch::Receiver<Option<String>>,
}

/// What the writer shows.
pub(crate) struct Shown {
    pub waiting: Arc<Waiting>,
    pub links: Arc<Links>,
    pub counters: Arc<Counters>,
    pub seq: watch::Receiver<i64>,
    pub fault: watch::Receiver<Option<String>>,
}

impl Queue {
    pub(crate) fn new(
        orders: SyncSender<Order>,
        reader: Store,
        settings: CurrentSettings,
        shown: Shown,
    ) -> Queue {
        Queue {
            orders,
            reader: Arc::new(Mutex::new(reader)),
            settings,
            waiting: shown.waiting,
            links: shown.links,
            seq: shown.seq,
            room: Arc::new(Semaphore::new(MAX_WAITING_KIB)),
            known: Known::default(),
            counters: shown.counters,
            fault: shown.fault,
        }
    }

    pub fn settings(&self) -> Arc<Settings> {
        (self.settings)()
    }

    /// Why the last commit failed.
    pub fn fault(&self) -> Option<String> {
        self.fault.borrow().clone()
    }

    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    pub(crate) fn links(&self) -> &Links {
        &self.links
    }

    /// A task was claimed in a tool call of which no hook has come yet.
    pub fn expect(&self, claimed: &Claimed, use_id: String) {
        let claim = claimed.token.claim;
        self.links.expect(claimed.task.id, claim, use_id);
    }

    /// The last event that is on the disk.
    pub fn seq(&self) -> watch::Receiver<i64> {
        self.seq.clone()
    }

    /// Waits until an operation is on the disk. `bytes` is what it holds.
    ///
    /// # Errors
    /// It is refused, or cannot be written.
    pub async fn apply<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce(&mut Operation) -> Applied<T> + Send + 'static,
    ) -> Result<T, Denied> {
        let applied = self.order(bytes, work).await;
        if let Err(denied) = &applied {
            let counters = &self.counters;
            let counter = match denied {
                Denied::Refused(Refusal::LeaseLost(_)) => &counters.task_stale_writes,
                Denied::Refused(_) => &counters.task_requests_refused,
                Denied::Busy | Denied::Unwritten(_) => &counters.task_requests_unwritten,
            };
            counter.add(1);
        }
        applied
    }

    async fn order<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce(&mut Operation) -> Applied<T> + Send + 'static,
    ) -> Result<T, Denied> {
        let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX).max(1);
        let room = self.room.clone().try_acquire_many_owned(kib);
        let room = room.map_err(|_| Denied::Busy)?;
        let (sender, answer) = oneshot::channel();
        let order: Order = Box::new(move |tables, turn| {
            let _room = room;
            // Who asked may have gone: nothing is done that nobody learns of.
            if sender.is_closed() {
                return Ok(Box::new(|| {}));
            }
            let done = match turn.apply(tables, work) {
                Ok(done) => Ok(done),
                Err(Unapplied::Refused(refusal)) => Err(refusal),
                Err(Unapplied::Failed(error)) => return Err(error),
            };
            // Who asked may have gone.
            Ok(Box::new(move || drop(sender.send(done))))
        });
        self.orders.try_send(order).map_err(|_| Denied::Busy)?;
        match timeout(MAX_WAIT, answer).await {
            Ok(Ok(done)) => done.map_err(Denied::Refused),
            Ok(Err(_)) => Err(Denied::Unwritten("tasks cannot be written".to_owned())),
            Err(_) => Err(Denied::Unwritten("tasks are written too slowly".to_owned())),
        }
    }

    /// The same for a request that may come again: with the same key it is applied once, and
    /// answered again.
    ///
    /// # Errors
    /// As of [`apply`](Self::apply), and if the key came with another request.
    pub async fn apply_once<T: Serialize + DeserializeOwned + Send + 'static>(
        &self,
        key: Option<String>,
        body: &[u8],
        work: impl FnOnce(&mut Operation) -> Applied<T> + Send + 'static,
    ) -> Result<T, Denied> {
        let Some(key) = key else {
            return self.apply(body.len(), work).await;
        };
        let hash = xxh3_64(body).cast_signed();
        let once = move |of: &mut Operation| {
            if let Some((known, answer)) = of.tables.answered(&key)? {
                if known != hash {
                    return Err(Refusal::KeyReused.into());
                }
                let answer = serde_json::from_str(&answer);
                return Ok(answer.map_err(|_| Refusal::Invalid(KEY_IS_OF.to_owned()))?);
            }
            let done = work(of)?;
            if let Ok(answer) = serde_json::to_string(&done) {
                of.tables.keep_answer(&key, hash, &answer, of.now_ms)?;
            }
            Ok(done)
        };
        self.apply(body.len(), once).await
    }

    /// Waits for a task, at most so long.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn claim(&self, asked: Claim, wait: Duration) -> Result<Option<Claimed>, Denied> {
        let end = Instant::now() + wait;
        let mut signal: Option<Signal> = None;
        loop {
            let mut waiter = self.waiting.enter(&asked.to, &asked.task_types);
            let once = asked.clone();
            let claimed = self.apply(0, move |of| claim(of, once)).await?;
            match (signal, &claimed) {
                (Some(signal), None) => signal.meet(None),
                (Some(signal), Some(claimed)) if claimed.is_new => {
                    signal.meet(Some(&claimed.task));
                }
                // It is for another waiter.
                (signal, _) => drop(signal),
            }
            if claimed.is_some() || Instant::now() >= end {
                return Ok(claimed);
            }
            match timeout_at(end, waiter.woken()).await {
                Ok(woken) => signal = Some(woken),
                Err(_) => return Ok(None),
            }
            #[cfg(test)]
            (self.waiting.woken).fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// Waits until there is an event after this one, at most so long.
    pub async fn beyond(&self, seq: i64, wait: Duration) {
        let mut shown = self.seq.clone();
        let _ = timeout(wait, shown.wait_for(|last| *last > seq)).await;
    }

    /// All that is read is of one moment.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tables) -> Result<T, DiskError> + Send + 'static,
    ) -> Result<T, Denied> {
        let reader = self.reader.clone();
        let read = spawn_blocking(move || reader.lock().read(work));
        match timeout(MAX_WAIT, read).await {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(Ok(Err(error))) => Err(Denied::Unwritten(error.to_string())),
            Ok(Err(_)) | Err(_) => Err(Denied::Busy),
        }
    }
}
