//! The flusher's thread: it waits until it is time, flushes, and keeps history up between two
//! flushes.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;
use tracing::warn;

use super::error::FlushError;
use super::flush::{BATCH, Flusher};
use super::handle::Command;
use super::upkeep::Upkeep;
use crate::changes::View;
use crate::watchdog::Part;

/// While Redis is away every answer comes from history, and must be fresher.
const INTERVAL_WITHOUT_LIVE: Duration = Duration::from_millis(500);
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Flusher {
    /// Runs on a thread of its own until `stop`, then once more for what is left: each of its steps
    /// waits for the disk. Returns its end, which is an error if no retry repairs it.
    pub fn spawn(
        self,
        commands: mpsc::Receiver<Command>,
        stop: watch::Receiver<bool>,
    ) -> io::Result<impl Future<Output = Result<(), FlushError>>> {
        let (end, ended) = oneshot::channel();
        let runtime = Handle::current();
        thread::Builder::new()
            .name("flusher".to_owned())
            .spawn(move || drop(end.send(self.run(&runtime, commands, stop))))?;
        Ok(async { ended.await.expect("a flush does not panic") })
    }

    fn run(
        mut self,
        runtime: &Handle,
        mut commands: mpsc::Receiver<Command>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), FlushError> {
        let mut upkeep = Upkeep::new();
        loop {
            self.watchdog.idle(Part::History);
            // Between two steps of the upkeep only what is there is flushed.
            let command = match upkeep.is_under_way() {
                false => runtime.block_on(self.wait(&mut commands, &mut stop)),
                true => commands.try_recv().ok(),
            };
            let stopping = *stop.borrow();
            match self.flush_all() {
                Ok(is_flushed) => {
                    self.persist_counters();
                    if !is_flushed {
                        self.rest();
                    }
                }
                Err(error) if error.is_damage() => return Err(error),
                Err(error) => {
                    self.counters.flush_failures.add(1);
                    self.persisted.show(self.persisted.count(&self.counters));
                    warn!(%error, "history could not be written; it is tried again");
                    if let Some(command) = command {
                        command.refuse(&error);
                    }
                    if stopping {
                        return Ok(());
                    }
                    self.watchdog.idle(Part::History);
                    thread::sleep(RETRY_AFTER);
                    continue;
                }
            }
            match command {
                Some(Command::Flush(reply)) => drop(reply.send(Ok(()))),
                Some(Command::Prune(reply)) => upkeep.prune(reply),
                None if !stopping => upkeep.begin_if_due(),
                None => {}
            }
            upkeep.step(&mut self, stopping);
            if stopping && self.changes.pending(View::History) == 0 {
                return Ok(());
            }
        }
    }

    /// Nothing has come since the last flush.
    fn rest(&self) {
        if let Err(error) = self.history.release_memory() {
            warn!(%error, "history keeps its pages in memory");
        }
    }

    /// Until it is time, or enough has gathered, or somebody asks.
    async fn wait(
        &self,
        commands: &mut mpsc::Receiver<Command>,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<Command> {
        let began = Instant::now();
        let mut head = self.changes.subscribe();
        let mut condition = self.state.subscribe();
        loop {
            let interval = self.interval();
            if *stop.borrow() || self.changes.pending(View::History) >= BATCH as u64 {
                return None;
            }
            tokio::select! {
                command = commands.recv() => return command,
                _ = stop.changed() => return None,
                _ = head.changed() => {}
                // Where Redis went away the interval is the shorter one.
                _ = condition.changed() => {}
                () = sleep_until((began + interval).into()) => {}
            }
            if began.elapsed() >= interval {
                return None;
            }
        }
    }

    fn interval(&self) -> Duration {
        let interval = self.settings.borrow().flush_interval;
        match self.state.is_following() {
            true => interval,
            false => interval.min(INTERVAL_WITHOUT_LIVE),
        }
    }
}
