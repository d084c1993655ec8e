//! Follows the journal into Redis: sums a run of changes, applies it in one guarded script, and
//! goes on from the cursor that the script answers, whatever happened before.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info, warn};

use super::apply_error::ApplyError;
use super::changes::{Changes, View};
use super::clock::now_ms;
use super::counters::Counters;
use super::holds::{Holder, Holds};
use super::live_state::{Condition, LiveState};
use super::running::RunSnapshot;
use super::settings::SettingsWatch;
use super::verify::Verifier;
use super::watchdog::{Part, Watchdog};
use super::writer::{Heartbeats, WriterHandle};
use agentpulse_core::change::Change;
use agentpulse_core::cursor::Cursor;
use agentpulse_core::names::Names;
use agentpulse_failpoint::failpoint;
use agentpulse_live::{Live, Writes};
use agentpulse_store::journal::Tail;

/// Changes in one script without a backlog; Redis is then blocked for some 5 ms.
const BATCH: usize = 256;
/// The same with a backlog.
const BACKLOG_BATCH: usize = 1_024;
/// The same in bytes: they are copied several times on the way to Redis.
const BATCH_BYTES: usize = 4 << 20;
/// Between two batches: a larger batch costs Redis less, and nobody sees 50 ms.
const PACE: Duration = Duration::from_millis(50);
const POLL_INTERVAL: Duration = Duration::from_millis(250);
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// After rebuilds that Redis had no memory for: each deletes and writes all that there is, and as
/// long as nobody gives it more the next ends as the last did.
const MAX_OUT_OF_MEMORY_WAIT: Duration = Duration::from_secs(64);
const ANSWER_DEADLINE: Duration = Duration::from_secs(1);
/// Of what only a rebuild by hand repairs.
const BROKEN_WAIT: Duration = Duration::from_secs(3600);

/// The cursor of a live view that is being made; our own epoch and the step follow it.
pub const REBUILDING: &str = "rebuilding";

pub enum Command {
    Rebuild {
        force: bool,
        reply: oneshot::Sender<Result<(), String>>,
    },
}

pub struct Applier {
    pub live: Live,
    pub epoch: String,
    pub past_epochs: Vec<String>,
    pub settings: SettingsWatch,
    pub names: Arc<RwLock<Names>>,
    pub changes: Arc<Changes>,
    pub tail: Tail,
    pub history_path: PathBuf,
    pub heartbeats: Arc<Heartbeats>,
    pub writer: WriterHandle,
    pub state: Arc<LiveState>,
    pub counters: Arc<Counters>,
    pub watchdog: Arc<Watchdog>,
    pub holds: Arc<Holds>,
    /// The cursor alone does not tell that the live view must be rebuilt.
    pub must_rebuild: bool,
    pub verifier: Verifier,
    pub check_at: Instant,
    /// Tells the rebuilds of this start from those of others; `attempt` counts them.
    pub nonce: u64,
    pub attempt: u64,
    /// Rebuilds in a row that ended for want of memory in Redis.
    pub out_of_memory_retries: u32,
    /// The journal is held for a rebuild until live has come here.
    pub release_at: u64,
}

/// What the cursor in Redis asks for.
enum Found {
    Ours(u64),
    Stale,
    Foreign,
}

impl Applier {
    /// Runs until `stop`, then once more until it is up to date or Redis is away.
    pub async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut position = None;
        loop {
            self.watchdog.busy(Part::Live);
            let result = match position {
                None => self.sync().await,
                Some(seq) => self.step(seq, &mut commands, &mut stop).await,
            };
            match result {
                Ok(seq) => position = seq,
                Err(error) => {
                    position = None;
                    self.release();
                    let wait = self.report(&error);
                    self.back_off(wait, &mut commands, &mut stop).await;
                }
            }
            let done = position.is_some_and(|seq| seq >= self.changes.head());
            if *stop.borrow() && (done || !self.state.is_following()) {
                return;
            }
        }
    }

    /// Reads the cursor and makes it one to go on from, by a rebuild if need be.
    pub(super) async fn sync(&mut self) -> Result<Option<u64>, ApplyError> {
        if let Some(reason) = self.fit().await? {
            self.note_difference(&reason);
        }
        let (cursor, found) = self.found().await?;
        let seq = match found {
            Found::Ours(seq) if !self.must_rebuild => seq,
            Found::Ours(_) | Found::Stale => self.rebuild(&cursor).await?,
            Found::Foreign => return Err(ApplyError::Foreign(cursor)),
        };
        self.refresh(seq).await?;
        self.advance(seq);
        if self.state.set(Condition::Following) {
            info!(seq, "the live view follows the journal");
        }
        Ok(Some(seq))
    }

    /// The cursor, empty where there is none, and what it asks for.
    async fn found(&mut self) -> Result<(String, Found), ApplyError> {
        let Some(cursor) = self.live.cursor().await? else {
            return Ok((String::new(), Found::Stale));
        };
        let head = self.changes.head();
        let found = match Cursor::parse(&cursor) {
            Some(Cursor { epoch, seq }) if epoch == self.epoch => {
                if seq <= head && self.continues(seq) {
                    Found::Ours(seq)
                } else {
                    Found::Stale
                }
            }
            Some(Cursor { epoch, .. }) if self.past_epochs.contains(&epoch) => Found::Stale,
            _ if cursor == REBUILDING || cursor.starts_with(&self.marker_prefix()) => Found::Stale,
            _ => Found::Foreign,
        };
        Ok((cursor, found))
    }

    /// Whether the journal still has what follows.
    fn continues(&self, seq: u64) -> bool {
        seq == self.changes.head()
            || self
                .changes
                .after(seq, 1, &self.tail)
                .is_ok_and(|next| !next.is_empty())
    }

    pub(super) fn marker_prefix(&self) -> String {
        format!("{REBUILDING}:{}:", self.epoch)
    }

    /// Writes again what is only in memory: the last heartbeats of all that runs. Those of
    /// executions that the live view does not know yet wait until it does.
    async fn refresh(&mut self, seq: u64) -> Result<(), ApplyError> {
        let running = self
            .writer
            .running()
            .await
            .map_err(|error| ApplyError::Other(error.to_string()))?;
        let (known, early): (Vec<_>, Vec<_>) = running
            .into_iter()
            .partition(|heartbeat| heartbeat.after <= seq);
        self.heartbeats.put_back(early);
        self.live
            .progress(known.iter().map(RunSnapshot::active))
            .await?;
        Ok(())
    }

    /// Waits for something to do, does it, and says where it then is.
    async fn step(
        &mut self,
        seq: u64,
        commands: &mut mpsc::Receiver<Command>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Option<u64>, ApplyError> {
        let mut head = self.changes.subscribe();
        while *head.borrow_and_update() == seq {
            self.watchdog.idle(Part::Live);
            tokio::select! {
                changed = head.changed() => if changed.is_err() { return Ok(Some(seq)) },
                _ = stop.changed() => return Ok(Some(seq)),
                Some(command) = commands.recv() => return self.execute(command).await,
                () = sleep_until(self.check_at) => if !self.check(seq).await? { return Ok(None) },
            }
        }
        self.watchdog.busy(Part::Live);
        let next = self.apply(seq).await?;
        if let Ok(command) = commands.try_recv() {
            return self.execute(command).await;
        }
        match next {
            Some(seq) if self.check_at <= Instant::now() && !self.check(seq).await? => Ok(None),
            next => Ok(next),
        }
    }

    /// Writes the last heartbeats, and looks whether the cursor is where it was left: a Redis
    /// that was emptied or replaced says nothing of it.
    async fn check(&mut self, seq: u64) -> Result<bool, ApplyError> {
        self.check_at = Instant::now() + POLL_INTERVAL;
        let heartbeats = self.heartbeats.take(seq);
        if !heartbeats.is_empty() {
            self.live
                .progress(heartbeats.iter().map(RunSnapshot::active))
                .await?;
        }
        let ours = Cursor::new(&self.epoch, seq).to_string();
        let cursor = timeout(ANSWER_DEADLINE, self.live.cursor())
            .await
            .map_err(|_| ApplyError::Other("Redis does not answer".to_owned()))??;
        if cursor.as_deref() != Some(ours.as_str()) {
            return Ok(false);
        }
        self.verify(seq).await
    }

    /// Applies the next batch.
    async fn apply(&mut self, seq: u64) -> Result<Option<u64>, ApplyError> {
        let began = Instant::now();
        let pending = self.changes.head().saturating_sub(seq);
        let max = if pending > BATCH as u64 {
            BACKLOG_BATCH
        } else {
            BATCH
        };
        let mut batch = self
            .changes
            .after(seq, max, &self.tail)
            .map_err(|error| ApplyError::Other(error.to_string()))?;
        batch.truncate(within(&batch, BATCH_BYTES));
        let Some(last) = batch.last() else {
            return Ok(None); // Pruned meanwhile: the cursor asks for a rebuild.
        };
        let (from, to) = (
            Cursor::new(&self.epoch, seq),
            Cursor::new(&self.epoch, last.seq),
        );
        let writes = self.writes(&batch);
        failpoint("apply.summed");
        let answer = self
            .live
            .apply(&from.to_string(), &to.to_string(), &writes)
            .await?;
        failpoint("apply.answered");
        match Cursor::parse(&answer) {
            Some(cursor) if cursor == to => self.advance(to.seq),
            // A batch that was thought lost has landed, or Redis has lost some: find out.
            _ => return Ok(None),
        }
        if self.changes.head().saturating_sub(to.seq) < BACKLOG_BATCH as u64 {
            sleep_until(began + PACE).await;
        }
        Ok(Some(to.seq))
    }

    fn writes(&self, batch: &[Arc<Change>]) -> Writes {
        let names = self.names.read();
        let idle_ms = self.settings.borrow().idle_ms();
        Writes::of(batch, &names, self.live.keys(), idle_ms, now_ms())
    }

    fn advance(&self, seq: u64) {
        self.changes.applied(View::Live, seq);
        if seq >= self.release_at {
            self.release();
        }
    }

    /// The journal need not wait for a rebuild any more.
    fn release(&self) {
        self.holds.release(Holder::Rebuild);
    }

    async fn execute(&mut self, command: Command) -> Result<Option<u64>, ApplyError> {
        let Command::Rebuild { force, reply } = command;
        let outcome = match self.found().await {
            Ok((cursor, Found::Foreign)) if !force => Err(ApplyError::Foreign(cursor)),
            Ok((cursor, _)) => self.rebuild(&cursor).await,
            Err(error) => Err(error),
        };
        let answer = outcome
            .as_ref()
            .map(|_| ())
            .map_err(|error| error.to_string());
        drop(reply.send(answer));
        outcome?;
        self.sync().await
    }

    /// Answers how long to wait before the next try; what is broken needs a rebuild by hand.
    fn report(&mut self, error: &ApplyError) -> Duration {
        if !error.is_out_of_memory() {
            self.out_of_memory_retries = 0;
        }
        let mut wait = self.retry_after();
        let condition = match error {
            _ if self.out_of_memory_retries > 0 => {
                let wait_s = wait.as_secs_f32();
                Condition::Unreachable(format!("{error}; it is rebuilt in {wait_s} s"))
            }
            ApplyError::Live(error) if !error.is_broken() => {
                Condition::Unreachable(error.to_string())
            }
            ApplyError::Other(reason) => Condition::Unreachable(reason.clone()),
            ApplyError::Changed(_) => {
                wait = wait.max(self.verifier.rebuild_at - Instant::now());
                let wait_s = wait.as_secs();
                Condition::Broken(format!("{error}; it is rebuilt in {wait_s} s"))
            }
            ApplyError::Live(_) | ApplyError::Foreign(_) => {
                wait = BROKEN_WAIT;
                Condition::Broken(error.to_string())
            }
        };
        self.counters.apply_failures.add(1);
        if self.state.set(condition.clone()) {
            match condition {
                Condition::Broken(reason) => {
                    error!(reason, "the live view is broken; answers come from history")
                }
                _ => warn!(reason = %error, "Redis is away; answers come from history"),
            }
        }
        wait
    }

    fn retry_after(&self) -> Duration {
        let doubled = RETRY_AFTER.saturating_mul(1 << self.out_of_memory_retries.min(16));
        doubled.min(MAX_OUT_OF_MEMORY_WAIT)
    }

    /// Until the next try, or until a rebuild that was asked for has gone well.
    async fn back_off(
        &mut self,
        mut wait: Duration,
        commands: &mut mpsc::Receiver<Command>,
        stop: &mut watch::Receiver<bool>,
    ) {
        while !*stop.borrow() {
            self.watchdog.idle(Part::Live);
            let command = tokio::select! {
                command = timeout(wait, commands.recv()) => command.ok().flatten(),
                _ = stop.changed() => None,
            };
            let Some(command) = command else { return };
            let Err(error) = self.execute(command).await else {
                return;
            };
            self.release();
            wait = self.report(&error);
        }
    }
}

/// How many of the first have no more than so many bytes; at least one.
fn within(changes: &[Arc<Change>], max_bytes: usize) -> usize {
    let mut bytes = 0;
    let fits = |change: &&Arc<Change>| {
        bytes += change.after.bytes();
        bytes <= max_bytes
    };
    changes.iter().take_while(fits).count().max(1)
}
