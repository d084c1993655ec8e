//! What was counted since the daemon started, and what there is now. Every refusal is here. What
//! was counted before that is added where it is shown, in `kept`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use serde::Serialize;
use serde_json::Value;

use super::blocked::Blocked;

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

/// How many there are now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    pub fn rise(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn fall(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Serialize for Gauge {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.get())
    }
}

/// When something last happened, by the wall clock.
#[derive(Debug, Default)]
pub struct Moment(AtomicI64);

impl Moment {
    pub fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::Relaxed);
    }

    /// Nothing while it has not happened since the daemon started.
    pub fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|&at_ms| at_ms != 0)
    }
}

#[derive(Debug, Default)]
pub struct Last {
    pub journal_written: Moment,
    /// History had everything that was committed when it was looked at.
    pub flushed: Moment,
    /// A hook was heard.
    pub hook: Moment,
}

/// Counters by today's name and the one of v0.1.0. Both are written down and shown for one release.
pub const RENAMED: [(&str, &str); 4] = [
    ("http_origin_rejected", "http_doors_refused"),
    ("reopened", "revivals"),
    ("lines_deferred", "lines_held_off"),
    ("stream_clients_disconnected", "stream_clients_cut"),
];

#[derive(Debug, Default, Serialize)]
pub struct Counters {
    pub events_accepted: Counter,
    pub events_duplicate: Counter,
    pub events_rejected: Counter,
    pub events_progress: Counter,
    /// Hook lines that mean nothing for any number.
    pub events_ignored: Counter,
    /// Stops of internal forks, which are no executions.
    pub orphan_stops: Counter,
    pub transcripts_read: Counter,
    pub transcripts_unreadable: Counter,
    /// Executions whose own numbers came to more than a run counts for.
    pub executions_capped: Counter,
    /// Additions to buckets of history that have a sum at its limit.
    pub sums_at_limit: Counter,
    pub timeouts: Counter,
    pub reopened: Counter,
    /// Starts, or what would make a running execution larger, for which `limits.running` or
    /// `limits.running_bytes` had no room.
    pub starts_refused: Counter,
    /// Names of tools of running executions for which `limits.running_bytes` had no room.
    pub tool_names_dropped: Counter,
    pub socket_connections: Counter,
    pub socket_connections_refused: Counter,
    /// Idle ones that were closed for another.
    pub socket_connections_evicted: Counter,
    /// Closed because a long line took too long, or found no room.
    pub socket_connections_cut: Counter,
    pub socket_peers_refused: Counter,
    /// Of HTTP: a foreign host or origin; no good key; a key that does not open that; too many.
    pub http_origin_rejected: Counter,
    pub http_unauthorized: Counter,
    pub http_forbidden: Counter,
    pub http_rate_limited: Counter,
    /// Of HTTP and the control socket: requests that found no place among those at work; idle or
    /// stalled connections that were closed for another.
    pub http_connections_refused: Counter,
    pub http_connections_evicted: Counter,
    /// Reports that were not made: history was asked too much at once, by one client or by all.
    pub reads_refused: Counter,
    /// What had gathered for the audit trail and could not be written.
    pub audit_failures: Counter,
    pub spool_files: Counter,
    pub journal_failures: Counter,
    /// Lines that were not taken because history is too far behind; they are sent again.
    pub lines_deferred: Counter,
    pub flush_failures: Counter,
    pub apply_failures: Counter,
    pub rebuilds: Counter,
    /// Redis did not hold what it was given.
    pub live_differences: Counter,
    /// Clients of both WebSockets.
    pub stream_clients: Gauge,
    pub stream_clients_refused: Counter,
    /// Owed a pong, and were closed for another.
    pub stream_clients_evicted: Counter,
    /// Closed by the daemon, for a fault of the client's.
    pub stream_clients_disconnected: Counter,
    pub stream_resyncs: Counter,
    pub alerts_fired: Counter,
    pub webhooks_sent: Counter,
    /// Given up after the last attempt.
    pub webhooks_failed: Counter,
    /// Found no place in the queue of their webhook.
    pub webhooks_dropped: Counter,
    /// What Redis holds was compared with history. An idle daemon does so, too, and writes nothing.
    #[serde(skip)]
    pub live_checks: Counter,
    #[serde(skip)]
    pub last: Last,
    #[serde(skip)]
    pub blocked: Blocked,
}

impl Counters {
    /// Every counter by its name; what there is now is none.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let Ok(Value::Object(mut counters)) = serde_json::to_value(self) else {
            return BTreeMap::new();
        };
        counters.remove("stream_clients");
        let count = |(name, count): (String, Value)| Some((name, count.as_u64()?));
        counters.into_iter().filter_map(count).collect()
    }
}
