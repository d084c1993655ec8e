//! Collects ten times a second what reads can see by now, while there are clients, and builds one
//! frame of it for all.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::warn;

use super::alerts;
use super::channels::{Channel, Dialect, Join, RESYNC_EVERY};
use super::dashboard_feed::DashboardFeed;
use super::definition_feed::{DefinitionFeed, News};
use super::element::Element;
use super::frame;
use super::gap::Gap;
use super::registry_feed::RegistryFeed;
use super::snapshot::{self, Resync, Snapshot};
use crate::registry::changes::Event;
use crate::service::Reports;
use agentpulse_core::alert::Alert;
use agentpulse_core::bucket::Day;
use agentpulse_core::change::Change;
use agentpulse_pipeline::changes::{Changes, View};
use agentpulse_pipeline::connection_slots::Places;
use agentpulse_pipeline::counters::Counters;
use agentpulse_pipeline::live_state::LiveState;
use agentpulse_pipeline::settings::SettingsWatch;
use agentpulse_pipeline::writer::Heartbeats;

/// Between two frames: nobody reads faster.
const WINDOW: Duration = Duration::from_millis(100);
/// Elements of one frame. A page that shows more of them in a tenth of a second shows none.
const MAX_ELEMENTS: usize = 200;
/// Heartbeats of one frame, those that waited longest. A thousand agents have more than are read.
const MAX_HEARTBEATS: usize = 12;
const TOTALS_EVERY: Duration = Duration::from_millis(500);
/// Between two snapshots for new clients: one that connects meanwhile waits for the next.
const SNAPSHOTS_EVERY: Duration = Duration::from_millis(250);
/// Clients may finish reading, and receive the reason of the close.
const LEAVE_DEADLINE: Duration = Duration::from_secs(3);

const TOO_MANY: &str = "more changes than one frame holds";
const TOO_LARGE: &str = "changes larger than one frame holds";
const FORGOTTEN: &str = "changes that are no longer in memory";
const REBUILT: &str = "the live view is rebuilt";

/// The sources of the stream.
pub struct Watched {
    pub reports: Arc<Reports>,
    pub changes: Arc<Changes>,
    pub state: Arc<LiveState>,
    pub heartbeats: Arc<Heartbeats>,
    pub counters: Arc<Counters>,
    pub settings: SettingsWatch,
    pub max_clients: usize,
    /// Alerts that fire or are resolved.
    pub alerts: broadcast::Receiver<Arc<Alert>>,
}

pub struct Hub {
    watched: Watched,
    joining: mpsc::Receiver<Join>,
    places: Arc<Places>,
    stop: watch::Receiver<bool>,
    own: Channel,
    dashboards: DashboardFeed,
    registry: RegistryFeed,
    /// The last frame of changes, or the last resync.
    seq: u64,
    /// The last change that was shown, or skipped.
    shown: u64,
    /// Changes were skipped, until all have been sent what runs.
    gap: Option<Gap>,
    rebuilds: u64,
    definitions: DefinitionFeed,
    snapshot_at: Instant,
    resync_at: Instant,
    /// When the next resync may have the longer list.
    whole_at: Instant,
    totals: Totals,
}

struct Totals {
    /// Something has changed since they were read.
    stale: bool,
    day: Day,
    at: Instant,
    /// Read, and not yet sent.
    read: Option<Element>,
}

impl Hub {
    pub(super) fn new(
        watched: Watched,
        joining: mpsc::Receiver<Join>,
        places: Arc<Places>,
        stop: watch::Receiver<bool>,
    ) -> Hub {
        let now = Instant::now();
        let totals = Totals {
            stale: false,
            day: watched.reports.today(),
            at: now,
            read: None,
        };
        let registry = RegistryFeed::new(watched.alerts.resubscribe(), now);
        Hub {
            watched,
            joining,
            places,
            stop,
            own: Channel::new(),
            dashboards: DashboardFeed::new(now),
            registry,
            seq: 0,
            shown: 0,
            gap: None,
            rebuilds: 0,
            definitions: DefinitionFeed::default(),
            snapshot_at: now,
            resync_at: now,
            whole_at: now,
            totals,
        }
    }

    /// Runs until the daemon stops, then until all clients have gone.
    pub async fn run(mut self) {
        let mut stop = self.stop.clone();
        loop {
            let join = tokio::select! {
                join = self.joining.recv() => join,
                _ = stop.wait_for(|stop| *stop) => None,
            };
            let Some(join) = join else { break };
            self.wait(join);
            self.begin();
            tokio::select! {
                () = self.follow() => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
            self.end();
        }
        self.own.dismiss();
        self.dashboards.channel.dismiss();
        self.registry.channel.dismiss();
        if timeout(LEAVE_DEADLINE, self.places.emptied())
            .await
            .is_err()
        {
            warn!("clients of the stream that did not go are closed");
        }
    }

    /// Changes before the first client are in the first snapshot.
    fn begin(&mut self) {
        self.shown = self.watched.state.shown();
        self.rebuilds = self.watched.counters.rebuilds.get();
        self.watched.changes.applied(View::Stream, self.shown);
        self.watched.heartbeats.feed.watch();
        (self.gap, self.totals.read) = (None, None);
        self.totals.stale = false;
        self.watched.alerts = self.watched.alerts.resubscribe();
        self.definitions.begin(self.watched.reports.definitions());
        self.registry.begin(&self.watched.reports);
    }

    fn wait(&mut self, join: Join) {
        match join.dialect {
            Dialect::Own => self.own.wait(join.reply),
            Dialect::Dashboard => self.dashboards.channel.wait(join.reply),
            Dialect::Registry => self.registry.channel.wait(join.reply),
        }
    }

    fn end(&mut self) {
        self.watched.changes.left(View::Stream);
        self.watched.heartbeats.feed.unwatch();
    }

    /// Whether there are clients.
    async fn follow(&mut self) {
        let mut ticks = interval(WINDOW);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            while let Ok(join) = self.joining.try_recv() {
                self.wait(join);
            }
            let (dashboards, registry) = (&mut self.dashboards.channel, &mut self.registry.channel);
            if self.own.is_empty() & dashboards.is_empty() & registry.is_empty() {
                return;
            }
            let changes = self.advance();
            self.registry.note(&changes);
            self.show(&changes);
            self.read().await;
            let Watched {
                reports, changes, ..
            } = &self.watched;
            self.registry.send(reports, changes).await;
        }
    }

    /// Changes that reads can see since the last poll. Those that do not fit are skipped.
    fn advance(&mut self) -> Vec<Arc<Change>> {
        let (from, to) = (self.shown, self.watched.state.shown().max(self.shown));
        let changes = self.watched.changes.remembered(from, to, MAX_ELEMENTS + 1);
        self.shown = to;
        self.watched.changes.applied(View::Stream, to);
        let today = self.watched.reports.today();
        self.totals.stale |= to > from || today != self.totals.day;
        self.totals.day = today;
        let rebuilds = self.watched.counters.rebuilds.get();
        let gap = match &changes {
            None => Some(FORGOTTEN),
            Some(changes) if changes.len() > MAX_ELEMENTS => Some(TOO_MANY),
            // A client may have read a Redis that had lost its numbers.
            Some(_) if rebuilds != self.rebuilds => Some(REBUILT),
            Some(_) => None,
        };
        self.rebuilds = rebuilds;
        if let Some(reason) = gap {
            self.skip(reason);
        }
        match self.gap {
            None => changes.unwrap_or_default(),
            Some(_) => Vec::new(),
        }
    }

    /// The first reason stays.
    fn skip(&mut self, reason: &'static str) {
        let now = Instant::now();
        let gap = self.gap.get_or_insert_with(|| Gap::new(reason, now));
        gap.grow(now);
        self.registry.miss();
    }

    /// Sends all changes. In a gap only a resync can follow.
    fn show(&mut self, changes: &[Arc<Change>]) {
        let clients = self.own.clients() + self.dashboards.channel.clients();
        if self.gap.is_some() || clients == 0 {
            return;
        }
        let now_ms = (self.watched.reports.now_ms)();
        let mut elements = self.gather(changes, now_ms);
        let room = MAX_HEARTBEATS.min(MAX_ELEMENTS - elements.len());
        let heartbeats = self.watched.heartbeats.feed.take(self.shown, room);
        let idle_ms = self.watched.settings.borrow().idle_ms();
        self.dashboards.show(changes, &heartbeats, idle_ms, now_ms);
        let heartbeats = heartbeats.into_iter();
        elements.extend(heartbeats.map(|active| Element::progress(active, now_ms)));
        if elements.is_empty() || self.own.clients() == 0 {
            return;
        }
        match frame::changes(self.seq + 1, &elements) {
            Some(frame) => self.send(frame),
            None => self.skip(TOO_LARGE),
        }
    }

    /// Changes first: they must not wait. Then the older data.
    fn gather(&mut self, changes: &[Arc<Change>], now_ms: i64) -> Vec<Element> {
        // How long after its start an execution counts as hung, without a heartbeat.
        let idle_ms = self.watched.settings.borrow().idle_ms();
        let changes = changes.iter();
        let mut elements: Vec<Element> = changes
            .map(|change| Element::of(change, idle_ms, now_ms))
            .collect();
        while elements.len() < MAX_ELEMENTS
            && let Some(alert) = alerts::next(&mut self.watched.alerts)
        {
            elements.push(Element::Alert { alert });
        }
        let room = MAX_ELEMENTS - elements.len();
        let definitions = self.watched.reports.definitions();
        match self.definitions.take(definitions, room) {
            News::Events(events) => elements.extend(events.iter().map(|event| {
                let definition = Event::of(event, definitions);
                Element::Definition { definition }
            })),
            News::Skipped(definitions_seq) => {
                elements.push(Element::DefinitionsSkipped { definitions_seq });
            }
        }
        if elements.len() < MAX_ELEMENTS {
            elements.extend(self.totals.read.take());
        }
        elements
    }

    fn send(&mut self, frame: Bytes) {
        self.seq += 1;
        self.own.send_text(frame);
    }

    /// Reads what is due: a resync, a snapshot, else the totals of the next frame.
    async fn read(&mut self) {
        if self.watched.state.shown() < self.shown {
            return; // The other view answers now, and comes up soon.
        }
        let now = Instant::now();
        let resync = self.gap.is_some() && now >= self.resync_at;
        let snapshot = self.own.is_awaited() && now >= self.snapshot_at;
        if self.gap.is_none() && self.dashboards.is_due(now) {
            let Watched {
                reports, changes, ..
            } = &self.watched;
            let dashboards = &mut self.dashboards;
            dashboards.send_status(reports, changes, self.shown).await;
        }
        if resync {
            self.resync(now).await;
        }
        if snapshot {
            self.snapshot().await;
        } else if self.gap.is_none()
            && self.totals.stale
            && now >= self.totals.at
            && self.own.clients() > 0
        {
            self.read_totals().await;
        }
    }

    /// For those that follow, after what they were not shown.
    async fn resync(&mut self, now: Instant) {
        let Some(gap) = &self.gap else { return };
        let is_short = !gap.is_calm(now) || now < self.whole_at;
        let Watched {
            reports, changes, ..
        } = &self.watched;
        let resync = match Resync::read(reports, changes, self.shown, is_short).await {
            Ok(Some(resync)) => resync,
            // The view that answers catches up soon.
            Ok(None) => return,
            Err(error) => {
                warn!(%error, "no resync for the stream; it is tried again");
                self.resync_at = now + RESYNC_EVERY;
                return;
            }
        };
        let frame = frame::resync(self.seq + 1, gap.reason, &resync);
        self.resync_at = now + RESYNC_EVERY;
        if !is_short {
            self.whole_at = now + self.own.pace(frame.len());
        }
        if !is_short || resync.active.omitted == 0 {
            self.gap = None;
        }
        self.send(frame);
        self.watched.counters.stream_resyncs.add(1);
        (self.totals.stale, self.totals.read) = (false, None);
        self.dashboards.miss();
    }

    /// For those that wait.
    async fn snapshot(&mut self) {
        let Watched {
            reports, changes, ..
        } = &self.watched;
        self.snapshot_at = Instant::now() + SNAPSHOTS_EVERY;
        match Snapshot::read(reports, changes, self.shown).await {
            Ok(Some(snapshot)) => {
                let first = Arc::from([frame::snapshot(self.seq, &snapshot)]);
                self.own.admit(&first);
            }
            // The view that answers catches up soon.
            Ok(None) => {}
            Err(error) => warn!(%error, "no snapshot for the stream; it is tried again"),
        }
    }

    async fn read_totals(&mut self) {
        self.totals.at = Instant::now() + TOTALS_EVERY;
        let Watched {
            reports, changes, ..
        } = &self.watched;
        match snapshot::totals(reports, changes, self.shown).await {
            Ok(Some(data)) => {
                self.totals.stale = false;
                self.totals.read = Some(Element::Totals { data });
            }
            Ok(None) => {}
            Err(error) => warn!(%error, "no totals for those who watch; it is tried again"),
        }
    }
}
