//! What an operator asks of a running daemon.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::backup::{Backups, Order, Refused};
use super::changes::{Changes, View};
use super::clock::now_ms;
use super::counters::Counters;
use super::live_state::{Condition, LiveState};
use super::reload::{self, ReloadState};
use super::settings::SettingsWatch;
use super::watchdog::{Part, Watchdog};
use super::{applier, flusher};

/// A rebuild of a million executions takes seconds; this is the end of patience.
const REBUILD_DEADLINE: Duration = Duration::from_secs(600);
/// Files are read, and one may lie on a slow disk.
const RELOAD_DEADLINE: Duration = Duration::from_secs(30);
const FLUSH_DEADLINE: Duration = Duration::from_secs(60);
const PRUNE_DEADLINE: Duration = Duration::from_secs(600);
/// History may be this far beyond its interval before the daemon says that it is not ready.
pub const FLUSH_LAG_ALLOWED_MS: i64 = 10_000;
pub const LIVE_LAG_ALLOWED_MS: i64 = 5_000;
/// One commit may take so long: another program may hold the journal for a moment.
const COMMIT_ALLOWED: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Operations {
    pub changes: Arc<Changes>,
    pub state: Arc<LiveState>,
    pub counters: Arc<Counters>,
    pub applier: mpsc::Sender<applier::Command>,
    pub flusher: mpsc::Sender<flusher::Command>,
    pub backups: Arc<Backups>,
    pub reload: mpsc::Sender<reload::Command>,
    pub reloaded: Arc<ReloadState>,
    pub settings: SettingsWatch,
    pub watchdog: Arc<Watchdog>,
    pub facts: Arc<Facts>,
    /// Where the journal was when the daemon started: it is ready once live has applied that.
    pub head_at_start: u64,
    /// The event socket is open.
    pub open: Arc<AtomicBool>,
}

/// What does not change while the daemon runs.
pub struct Facts {
    pub started: Instant,
    pub http: String,
    pub socket: String,
    pub data_dir: String,
    pub spool_dir: PathBuf,
    pub spool_max_bytes: u64,
    pub redis_url: String,
    pub redis_private: bool,
    pub redis_version: String,
}

impl Operations {
    pub fn status(&self) -> Value {
        let now_ms = now_ms();
        let not_ready = self.ready().err();
        let condition = self.state.condition();
        let settings = self.reloaded.last();
        let [live, history] = [View::Live, View::History].map(|view| self.changes.pending(view));
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "uptime_s": self.facts.started.elapsed().as_secs(),
            "http": self.facts.http,
            "socket": self.facts.socket,
            "data_dir": self.facts.data_dir,
            "redis": {
                "url": self.facts.redis_url,
                "private": self.facts.redis_private,
                "version": self.facts.redis_version,
            },
            "journal": {
                "head": self.changes.head(),
                "pending": live.max(history),
            },
            "live": {
                "condition": condition.word(),
                "reason": condition.reason(),
                "last_difference": self.state.difference(),
                "rebuilt_percent": self.state.rebuilt_percent(),
                "applied": self.changes.position(View::Live),
                "pending": live,
                "lag_ms": self.changes.lag_ms(View::Live, now_ms),
            },
            "history": {
                "applied": self.changes.position(View::History),
                "pending": history,
                "lag_ms": self.changes.lag_ms(View::History, now_ms),
            },
            "backup": self.backups.progress(),
            "config": {
                "reload_failed": settings.failed,
                "needs_restart": settings.needs_restart,
            },
            // Null is without a limit.
            "max_open_files": getrlimit(Resource::Nofile).current,
            "ready": not_ready.is_none(),
            "not_ready": not_ready,
            "counters": &*self.counters,
        })
    }

    /// Why no event is taken now, if none is. It clears by itself.
    pub fn blocked(&self) -> Option<String> {
        let now = std::time::Instant::now();
        let is_stalled = self.watchdog.is_stalled(Part::Writer, COMMIT_ALLOWED, now);
        self.counters.blocked.reason().or_else(|| {
            let s = COMMIT_ALLOWED.as_secs();
            is_stalled.then(|| format!("a commit to the journal takes more than {s} s"))
        })
    }

    /// Why the daemon should not be sent traffic, if it should not.
    pub fn ready(&self) -> Result<(), String> {
        let now_ms = now_ms();
        if !self.open.load(Ordering::Acquire) {
            return Err("the event socket is not open yet".to_owned());
        }
        if let Some(reason) = self.blocked() {
            return Err(format!("no event is taken: {reason}"));
        }
        let condition = self.state.condition();
        if condition != Condition::Following {
            return Err(format!("live is {condition}"));
        }
        if self.changes.position(View::Live) < self.head_at_start {
            return Err("live has not yet applied the journal as it was".to_owned());
        }
        let lag_ms = self.changes.lag_ms(View::Live, now_ms);
        if lag_ms > LIVE_LAG_ALLOWED_MS {
            return Err(format!("live is {lag_ms} ms behind"));
        }
        let lag_ms = self.changes.lag_ms(View::History, now_ms);
        if lag_ms > self.flush_interval_ms() + FLUSH_LAG_ALLOWED_MS {
            return Err(format!("history is {lag_ms} ms behind"));
        }
        Ok(())
    }

    pub fn flush_interval_ms(&self) -> i64 {
        self.settings.borrow().flush_interval.as_millis() as i64
    }

    /// Reads the settings again.
    pub async fn reload(&self) -> Result<Value, String> {
        let (reply, answer) = oneshot::channel();
        let sent = self.reload.send(reply).await;
        sent.map_err(|_| "the daemon is stopping")?;
        let reloaded = within(RELOAD_DEADLINE, answer).await?;
        Ok(json!(reloaded))
    }

    pub async fn rebuild(&self, force: bool) -> Result<Value, String> {
        let began = Instant::now();
        let (reply, answer) = oneshot::channel();
        let command = applier::Command::Rebuild { force, reply };
        self.applier
            .send(command)
            .await
            .map_err(|_| "the daemon is stopping")?;
        within(REBUILD_DEADLINE, answer).await?;
        Ok(json!({
            "applied": self.changes.position(View::Live),
            "took_ms": began.elapsed().as_millis() as u64,
        }))
    }

    pub async fn flush(&self) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        let command = flusher::Command::Flush(reply);
        self.flusher
            .send(command)
            .await
            .map_err(|_| "the daemon is stopping")?;
        within(FLUSH_DEADLINE, answer).await
    }

    pub async fn prune(&self) -> Result<Value, String> {
        let (reply, answer) = oneshot::channel();
        let command = flusher::Command::Prune(reply);
        self.flusher
            .send(command)
            .await
            .map_err(|_| "the daemon is stopping")?;
        let pruned = within(PRUNE_DEADLINE, answer).await?;
        Ok(json!({ "executions": pruned.executions, "buckets": pruned.buckets }))
    }

    pub async fn backup(&self, order: Order) -> Result<Value, Refused> {
        self.backups.run(order).await
    }
}

async fn within<T>(
    deadline: Duration,
    answer: oneshot::Receiver<Result<T, String>>,
) -> Result<T, String> {
    match timeout(deadline, answer).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err("the daemon is stopping".to_owned()),
        Err(_) => Err(format!("no answer within {} s", deadline.as_secs())),
    }
}
