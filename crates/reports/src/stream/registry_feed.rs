//! What clients of the registry's stream still have to be sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;
use tracing::warn;

use agentpulse_core::alert::Alert;
use agentpulse_core::change::Change;
use agentpulse_pipeline::changes::{Changes, View};

use super::alerts::next;
use super::channels::Channel;
use super::definition_feed::{DefinitionFeed, News};
use super::frame::messages;
use super::registry::{Message, read};
use crate::service::Reports;

/// Events and agents of one frame; the others follow in the next one.
const MAX_AGENTS: usize = 64;
/// Agents whose numbers wait to be read. Of more, the list says all.
const MAX_MOVED: usize = 1_024;
const NUMBERS_EVERY: Duration = Duration::from_secs(1);
/// After a read that failed.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

pub(super) struct RegistryFeed {
    pub channel: Channel,
    definitions: DefinitionFeed,
    alerts: broadcast::Receiver<Arc<Alert>>,
    /// By name, the last change of its executions: their numbers are in history after it.
    moved: BTreeMap<String, u64>,
    /// Some changes were skipped.
    is_lost: bool,
    numbers_at: Instant,
    read_at: Instant,
}

impl RegistryFeed {
    pub fn new(alerts: broadcast::Receiver<Arc<Alert>>, now: Instant) -> RegistryFeed {
        RegistryFeed {
            channel: Channel::new(),
            definitions: DefinitionFeed::default(),
            alerts,
            moved: BTreeMap::new(),
            is_lost: false,
            numbers_at: now,
            read_at: now,
        }
    }

    /// What was before is for those who list it.
    pub fn begin(&mut self, reports: &Reports) {
        self.definitions.begin(reports.definitions());
        self.alerts = self.alerts.resubscribe();
        self.moved.clear();
        self.is_lost = false;
    }

    pub fn miss(&mut self) {
        self.is_lost = true;
    }

    pub fn note(&mut self, changes: &[Arc<Change>]) {
        if self.channel.clients() == 0 {
            return;
        }
        for change in changes {
            let name = change.after.agent_name();
            if self.moved.len() == MAX_MOVED && !self.moved.contains_key(name) {
                self.is_lost = true;
                return;
            }
            self.moved.insert(name.to_owned(), change.seq);
        }
    }

    /// Sends what is due, and admits those that wait.
    pub async fn send(&mut self, reports: &Reports, changes: &Changes) {
        let now = Instant::now();
        if self.channel.is_awaited() {
            let start = messages(&[Message::definitions(reports.definitions())]);
            self.channel.admit(&start.unwrap_or_default());
        }
        if self.channel.clients() == 0 || now < self.read_at {
            return;
        }
        let mut sent = Vec::new();
        while let Some(alert) = next(&mut self.alerts) {
            sent.push(Message::ResourceAlert { alert });
        }
        let events = match self.definitions.take(reports.definitions(), MAX_AGENTS) {
            News::Events(events) => events,
            News::Skipped(_) => {
                self.is_lost = true;
                Vec::new()
            }
        };
        if std::mem::take(&mut self.is_lost) {
            self.moved.clear();
            sent.push(Message::definitions(reports.definitions()));
        }
        let moved = match now >= self.numbers_at {
            true => self.moved(changes.position(View::History)),
            false => BTreeSet::new(),
        };
        if !moved.is_empty() {
            self.numbers_at = now + NUMBERS_EVERY;
        }
        match read(reports, &events, &moved).await {
            Ok(of_agents) => sent.extend(of_agents),
            Err(error) => {
                warn!(%error, "no agents for the stream of the registry; it is tried again");
                self.is_lost = true;
                self.read_at = now + AGAIN_AFTER;
            }
        }
        match messages(&sent) {
            Some(frame) if frame.is_empty() => {}
            Some(frame) => self.channel.send(frame),
            None => self.is_lost = true,
        }
    }

    /// Takes those whose numbers history has.
    fn moved(&mut self, flushed: u64) -> BTreeSet<String> {
        let ready = self.moved.iter().filter(|(_, seq)| **seq <= flushed);
        let ready = ready.map(|(name, _)| name.clone()).take(MAX_AGENTS);
        let ready: BTreeSet<String> = ready.collect();
        self.moved.retain(|name, _| !ready.contains(name));
        ready
    }
}
