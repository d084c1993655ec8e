//! Writes what gathers for the audit trail.

use std::sync::Arc;

use tokio::sync::watch;
use tracing::warn;

use agentpulse_pipeline::clock::{next_second, now_ms};
use agentpulse_pipeline::counters::Counters;
use agentpulse_store::access::{Access, Actor};

/// Writes what has gathered once a second, and the rest at the end.
pub struct AuditFlusher {
    access: Arc<Access>,
    counters: Arc<Counters>,
    /// Rejected connections of other users that the trail has already.
    peers_noted: u64,
}

impl AuditFlusher {
    pub fn new(access: Arc<Access>, counters: Arc<Counters>) -> AuditFlusher {
        AuditFlusher {
            access,
            counters,
            peers_noted: 0,
        }
    }

    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let is_end = tokio::select! {
                () = next_second() => false,
                _ = stop.changed() => true,
            };
            self.tick(is_end).await;
            if is_end {
                return;
            }
        }
    }

    async fn tick(&mut self, is_end: bool) {
        let peers = self.counters.socket_peers_refused.get();
        if peers > self.peers_noted {
            let actor = Actor {
                who: "another user".to_owned(),
                origin: "socket".to_owned(),
            };
            let count = peers - self.peers_noted;
            self.access.refused(actor, "foreign_user", count);
            self.peers_noted = peers;
        }
        if !is_end && !self.access.is_due(now_ms()) {
            return;
        }
        let access = self.access.clone();
        let tick = move || access.tick(now_ms(), is_end);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(tick).await {
            self.counters.audit_failures.add(1);
            warn!(%error, "the audit trail could not be written");
        }
    }
}
