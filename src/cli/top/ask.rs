//! Polls the daemon, and sends the answers as updates.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use hyper::Method;
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::hour::{Ended, LastHour};
use super::snapshot::Snapshot;
use super::state::Update;
use crate::cli::failure::{Failure, failed, io_failed};
use agentpulse_client::{AskError, Cached, Control, QUICK};
use agentpulse_core::bucket::{HOUR_MS, rfc3339};
use agentpulse_pipeline::clock::now_ms;
use agentpulse_reports::active::{self, ActiveList};
use agentpulse_reports::current::{self, Current};
use agentpulse_reports::{execution, executions};

/// Of the most that a page may have. An hour with more ended executions begins later.
const MAX_PAGES: usize = 10;

/// To give the terminal back and end takes no longer.
const GRACE: Duration = Duration::from_secs(1);

/// What is asked of the daemon, and what it said the last time.
struct Asker {
    control: Control,
    current: Cached<Current>,
    active: Cached<ActiveList>,
    /// Tolerant of what it holds: an alert that is not understood must not hide the others.
    alerts: Cached<Value>,
    /// The hour before the first answer, or before the first one after a while of none, is read.
    begun: bool,
}

/// The snapshot and its hour, once.
pub async fn once(control: Control, now_ms: i64) -> Result<(Snapshot, LastHour), Failure> {
    let mut asker = Asker::new(control);
    let hour = asker.last_hour(now_ms).await?;
    Ok((asker.snapshot().await?, hour))
}

/// Sends updates until nobody receives them, or a while after a signal to end: true then.
/// `wanted` is the execution on the screen.
///
/// # Errors
/// Signals cannot be handled.
pub async fn again_and_again(
    control: Control,
    every: Duration,
    mut wanted: watch::Receiver<Option<String>>,
    sender: SyncSender<Update>,
) -> Result<bool, Failure> {
    let on = |kind| signal(kind).map_err(|error| io_failed("signals", &error));
    let mut ends: [Signal; 3] = [
        on(SignalKind::terminate())?,
        on(SignalKind::hangup())?,
        on(SignalKind::interrupt())?,
    ];
    let [terminate, hangup, interrupt] = &mut ends;
    let mut asker = Asker::new(control);
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let asking = async {
        loop {
            let all = tokio::select! {
                _ = tick.tick() => true,
                changed = wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    false
                }
            };
            let id = wanted.borrow_and_update().clone();
            for update in asker.round(all, id).await {
                match sender.try_send(update) {
                    // The drawing thread is blocked by a terminal that was stopped. The updates
                    // that wait are as good as this one.
                    Ok(()) | Err(TrySendError::Full(_)) => {}
                    Err(TrySendError::Disconnected(_)) => return,
                }
            }
        }
    };
    tokio::select! {
        () = asking => return Ok(false),
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
        _ = interrupt.recv() => {}
    }
    // An error only means that the receiver has gone.
    let _ = sender.try_send(Update::Leave);
    sleep(GRACE).await;
    Ok(true)
}

impl Asker {
    fn new(control: Control) -> Asker {
        Asker {
            control,
            current: Cached::default(),
            active: Cached::default(),
            alerts: Cached::default(),
            begun: false,
        }
    }

    /// Asks for the snapshot, if it is due, and for the execution on the screen.
    async fn round(&mut self, all: bool, wanted: Option<String>) -> Vec<Update> {
        let mut updates = Vec::new();
        if all && let Err(error) = self.follow(&mut updates).await {
            self.begun = false;
            updates.push(Update::Away(error.message));
            return updates;
        }
        if let Some(id) = wanted {
            let answer = self
                .control
                .report::<execution::Query>(Some(&id), &[])
                .await;
            let answer = answer.map(|answer| answer.json);
            updates.push(Update::Detail(
                id,
                answer.map_err(|error| error.to_string()),
            ));
        }
        updates
    }

    async fn follow(&mut self, updates: &mut Vec<Update>) -> Result<(), Failure> {
        if !self.begun {
            updates.push(Update::Begun(self.last_hour(now_ms()).await?));
            self.begun = true;
        }
        updates.push(Update::Snapshot(self.snapshot().await?));
        Ok(())
    }

    async fn snapshot(&mut self) -> Result<Snapshot, Failure> {
        let control = &self.control;
        control
            .report_again::<current::Query>(&mut self.current)
            .await?;
        control
            .report_again::<active::Page>(&mut self.active)
            .await?;
        let alerts = control.ask_again("/api/agents/alerts", &mut self.alerts);
        match alerts.await {
            // A daemon without this route.
            Err(AskError::Refused(..)) => self.alerts = Cached::default(),
            answer => answer?,
        }
        let from_history = self.current.from_history || self.active.from_history;
        let (totals, active) = (&self.current.value.totals, &self.active.value);
        Snapshot::of(totals, active, &self.alerts.value, from_history).map_err(not_understood)
    }

    /// What the daemon has accepted is first brought to the history: the sums of the day have it
    /// already, and what comes to them is all that is seen later.
    async fn last_hour(&self, now_ms: i64) -> Result<LastHour, Failure> {
        match self
            .control
            .ask(Method::POST, "/control/flush", QUICK)
            .await
        {
            // The history that there is says more than none.
            Ok(_) | Err(AskError::Refused(..)) => {}
            Err(error) => return Err(error.into()),
        }
        let since_ms = now_ms - HOUR_MS;
        let since = rfc3339(since_ms);
        let mut ended: Vec<Ended> = Vec::new();
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let query = [
                ("limit", Some("500".to_owned())),
                ("since", Some(since.clone())),
                ("cursor", cursor),
            ];
            let answer = self
                .control
                .report::<executions::Page>(None, &query)
                .await?;
            let page = answer.read().map_err(not_understood)?;
            for execution in &page.executions {
                ended.push(Ended::of(execution).map_err(not_understood)?);
            }
            match page.next_cursor {
                Some(next) => cursor = Some(next.to_string()),
                None => return Ok(LastHour::begin(ended, since_ms)),
            }
        }
        let known_since_ms = ended.last().map_or(now_ms, |oldest| oldest.at_ms);
        Ok(LastHour::begin(ended, known_since_ms))
    }
}

fn not_understood(error: impl std::fmt::Display) -> Failure {
    failed(format_args!(
        "the daemon's answer is not understood: {error}"
    ))
}
