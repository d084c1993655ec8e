//! What dashboards were sent, and what they still have to be.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;
use tracing::warn;

use super::channels::{Channel, RESYNC_EVERY};
use super::dashboard::{self, AgentStatus, Message, TerminalStatus};
use super::frame;
use crate::service::Reports;
use agentpulse_core::change::{Change, ChangeKind};
use agentpulse_core::view::Active;
use agentpulse_pipeline::changes::Changes;

pub(super) struct DashboardFeed {
    pub channel: Channel,
    /// Those that follow were not sent all that changed.
    stale: bool,
    status_at: Instant,
}

impl DashboardFeed {
    pub fn new(now: Instant) -> DashboardFeed {
        DashboardFeed {
            channel: Channel::new(),
            stale: false,
            status_at: now,
        }
    }

    /// Changes are skipped, or corrected what was sent: the whole status is to follow.
    pub fn miss(&mut self) {
        self.stale = true;
    }

    /// Sends the changes, and then the heartbeats.
    pub fn show(
        &mut self,
        changes: &[Arc<Change>],
        heartbeats: &[Active],
        idle_ms: i64,
        now_ms: i64,
    ) {
        if self.channel.clients() == 0 {
            return;
        }
        let changed = changes.iter();
        let changed = changed.flat_map(|change| Message::of(change, idle_ms, now_ms));
        let alive = heartbeats.iter().cloned();
        let alive = alive.map(|active| Message::AgentStatusUpdate(AgentStatus::running(active)));
        let messages: Vec<Message> = changed.chain(alive).collect();
        match frame::messages(&messages) {
            Some(frame) if frame.is_empty() => {}
            Some(frame) => self.channel.send(frame),
            None => self.miss(),
        }
        let is_corrected = |change: &Arc<Change>| change.kind == ChangeKind::Corrected;
        self.stale |= changes.iter().any(is_corrected);
    }

    pub fn is_due(&self, now: Instant) -> bool {
        let is_stale = self.stale && self.channel.clients() > 0;
        (self.channel.is_awaited() || is_stale) && now >= self.status_at
    }

    /// Sends the whole status, true up to the change `shown`: to those that wait, and to all after
    /// what they were not sent.
    pub async fn send_status(&mut self, reports: &Reports, changes: &Changes, shown: u64) {
        let read = TerminalStatus::read(reports, changes, shown).await;
        let now = Instant::now();
        self.status_at = now + RESYNC_EVERY;
        let frame = match read {
            Ok(status) => dashboard::status_frame(status),
            Err(error) => return warn!(%error, "no status for dashboards; it is tried again"),
        };
        let bytes = frame.iter().map(Bytes::len).sum();
        self.status_at = now + self.channel.pace(bytes);
        if std::mem::take(&mut self.stale) {
            self.channel.send(frame.clone());
        }
        self.channel.admit(&frame);
    }
}
