//! The applier's task: waits for changes and for requests, and tries again after what fails.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, warn};

use super::apply::Applier;
use super::error::ApplyError;
use super::handle::Command;
use crate::live_state::Condition;
use crate::running::RunSnapshot;
use crate::watchdog::Part;
use agentpulse_core::cursor::Cursor;

const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// While nothing is written. A Redis that lost its content is filled again within a second.
const POLL_INTERVAL_AT_REST: Duration = Duration::from_millis(500);
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// After rebuilds that Redis had no memory for: each deletes and writes all that there is, and as
/// long as nobody gives it more the next ends as the last did.
const MAX_OUT_OF_MEMORY_WAIT: Duration = Duration::from_secs(64);
const ANSWER_DEADLINE: Duration = Duration::from_secs(1);
/// Of what is broken and no rebuild is planned for: a rebuild by hand repairs it at once.
const BROKEN_WAIT: Duration = Duration::from_secs(3600);

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
            let check_at = self.checks.cursor_at;
            tokio::select! {
                changed = head.changed() => if changed.is_err() { return Ok(Some(seq)) },
                _ = stop.changed() => return Ok(Some(seq)),
                Some(command) = commands.recv() => return self.execute(command).await,
                () = sleep_until(check_at) => if !self.poll(seq).await? { return Ok(None) },
            }
        }
        self.watchdog.busy(Part::Live);
        let next = self.apply(seq).await?;
        if let Ok(command) = commands.try_recv() {
            return self.execute(command).await;
        }
        match next {
            Some(seq) if self.checks.cursor_at <= Instant::now() && !self.poll(seq).await? => {
                Ok(None)
            }
            next => Ok(next),
        }
    }

    /// Writes the last heartbeats, and returns whether the live view can be followed from `seq` on.
    async fn poll(&mut self, seq: u64) -> Result<bool, ApplyError> {
        let is_written = self.write_heartbeats(seq).await? || seq != self.checks.seq;
        self.checks.seq = seq;
        let interval = match is_written {
            true => POLL_INTERVAL,
            false => POLL_INTERVAL_AT_REST,
        };
        self.checks.cursor_at = Instant::now() + interval;
        Ok(self.check_cursor(seq).await? && self.check_content(seq).await?)
    }

    /// Says whether there were any.
    async fn write_heartbeats(&mut self, seq: u64) -> Result<bool, ApplyError> {
        let heartbeats = self.heartbeats.take(seq);
        if !heartbeats.is_empty() {
            self.live
                .progress(heartbeats.iter().map(RunSnapshot::active))
                .await?;
        }
        Ok(!heartbeats.is_empty())
    }

    /// Whether the cursor is where it was left: a Redis that was emptied or replaced says nothing
    /// of it.
    async fn check_cursor(&mut self, seq: u64) -> Result<bool, ApplyError> {
        let ours = Cursor::new(&self.live_epoch, seq).to_string();
        let cursor = timeout(ANSWER_DEADLINE, self.live.cursor())
            .await
            .map_err(|_| ApplyError::Unanswered)??;
        Ok(cursor.as_deref() == Some(ours.as_str()))
    }

    async fn execute(&mut self, command: Command) -> Result<Option<u64>, ApplyError> {
        let Command::Rebuild { force, reply } = command;
        let outcome = self.rebuild_found(force).await;
        let answer = outcome.as_ref().map_err(|error| error.to_string());
        drop(reply.send(answer.copied()));
        outcome?;
        self.sync().await
    }

    /// Answers how long to wait before the next try; what is broken is
    /// tried again late, or when a rebuild by hand is asked for.
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
            ApplyError::Unanswered
            | ApplyError::Disturbed(_)
            | ApplyError::Journal(_)
            | ApplyError::History(_)
            | ApplyError::Writer(_) => Condition::Unreachable(error.to_string()),
            ApplyError::Changed(_) => {
                wait = wait.max(self.checks.rebuild_at - Instant::now());
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
                    error!(reason, "the live view is broken; answers come from history");
                }
                _ if error.is_redis_away() => {
                    warn!(reason = %error, "Redis is away; answers come from history");
                }
                _ => {
                    let reason = error.to_string();
                    warn!(
                        reason,
                        "the live view stands still; answers come from history"
                    );
                }
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

    /// One rebuild without a daemon.
    ///
    /// # Errors
    /// Why there was none.
    pub async fn rebuild_once(&mut self, force: bool) -> Result<(), String> {
        let rebuilt = self.rebuild_found(force).await;
        rebuilt.map_err(|error| error.to_string())
    }

    /// Applies what the journal has beyond history after [`rebuild_once`](Self::rebuild_once). What
    /// fails here a daemon does when it starts.
    pub async fn catch_up(&mut self) {
        let mut position = self.sync().await;
        while let Ok(Some(seq)) = position
            && seq < self.changes.head()
        {
            position = self.apply(seq).await;
        }
    }
}
