//! What was counted since the daemon started. Every refusal is here.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Serialize for Counter {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.get())
    }
}

#[derive(Debug, Default, Serialize)]
pub struct Counters {
    pub events_accepted: Counter,
    pub events_duplicate: Counter,
    pub events_rejected: Counter,
    pub events_progress: Counter,
    pub timeouts: Counter,
    pub revivals: Counter,
    pub socket_connections: Counter,
    pub socket_connections_refused: Counter,
    pub socket_peers_refused: Counter,
    /// Of HTTP: a foreign host or origin; no good key; a key that does not open that; too many.
    pub http_doors_refused: Counter,
    pub http_unauthorized: Counter,
    pub http_forbidden: Counter,
    pub http_rate_limited: Counter,
    /// What had gathered for the audit trail and could not be written.
    pub audit_failures: Counter,
    pub spool_files: Counter,
    pub journal_failures: Counter,
    pub flush_failures: Counter,
    pub apply_failures: Counter,
    pub rebuilds: Counter,
}
