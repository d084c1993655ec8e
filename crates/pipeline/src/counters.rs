//! What was counted since the daemon started, and what there is now. Every refusal is here. What
//! was counted before that is added where it is shown, in `kept`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use serde::Serialize;

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

    /// Returns `None` if it has not happened since the daemon started.
    pub fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|&at_ms| at_ms != 0)
    }
}

#[derive(Debug, Default)]
pub struct Last {
    pub journal_written: Moment,
    /// History had everything that was committed when it was checked.
    pub flushed: Moment,
    /// A hook was received.
    pub hook: Moment,
}

/// Counters by today's name and the one of v0.1.0. Both are written down and shown for one release.
pub const RENAMED: [(&str, &str); 4] = [
    ("http_origin_rejected", "http_doors_refused"),
    ("reopened", "revivals"),
    ("lines_deferred", "lines_held_off"),
    ("stream_clients_disconnected", "stream_clients_cut"),
];

/// A row a counter: its name and its HELP in `/metrics`, where it is `agentpulse_<name>_total`.
macro_rules! counters {
    ($($(#[$more:meta])* $name:ident: $help:literal,)*) => {
        #[derive(Debug, Default, Serialize)]
        pub struct Counters {
            $(#[doc = $help] $(#[$more])* pub $name: Counter,)*
            /// Clients of both WebSockets.
            pub stream_clients: Gauge,
            /// What Redis holds was compared with history. An idle daemon does so, too, and writes
            /// nothing.
            #[serde(skip)]
            pub live_checks: Counter,
            #[serde(skip)]
            pub last: Last,
            #[serde(skip)]
            pub blocked: Blocked,
        }

        impl Counters {
            /// Every counter by its name; how many there are now is none.
            pub fn counts(&self) -> BTreeMap<String, u64> {
                let counters = [$((stringify!($name), &self.$name)),*];
                counters.map(|(name, counter)| (name.to_owned(), counter.get())).into()
            }
        }

        const HELP: &[(&str, &str)] = &[$((stringify!($name), $help)),*];
    };
}

/// What a counter counts. Returns `None` for one that only an older version had.
pub fn help(counter: &str) -> Option<&'static str> {
    let row = HELP.iter().find(|(name, _)| *name == counter);
    row.map(|(_, help)| *help)
}

counters! {
    events_accepted: "Events that were accepted.",
    events_duplicate: "Events that were known.",
    events_rejected: "Events with an error.",
    events_progress: "Heartbeats, which are not journaled.",
    events_ignored: "Hook lines that mean nothing for any number.",
    orphan_stops: "Stops of internal forks of the client, which are no executions.",
    transcripts_read: "Transcripts that were read after the end of a run.",
    transcripts_unreadable: "Transcripts that could not be read: their runs have no tokens.",
    executions_capped: "Executions whose own numbers came to more than a run counts for.",
    executions_discovered: "Executions that no hook reported, found by their transcripts.",
    sums_at_limit: "Additions to sums of history that are at their limit.",
    timeouts: "Executions without a heartbeat until their deadline.",
    reopened: "Executions of which a heartbeat came after their deadline.",
    /// Starts, or what would make a running execution larger, for which `limits.running` or
    /// `limits.running_bytes` had no room.
    starts_refused: "Starts for which limits.running or limits.running_bytes had no room.",
    tool_names_dropped: "Names of tools for which limits.running_bytes had no room.",
    socket_connections: "Connections to the event socket.",
    socket_connections_refused: "Connections to the event socket that were rejected at the limit.",
    socket_connections_evicted:
        "Idle connections to the event socket that were closed to make room for another.",
    socket_connections_cut:
        "Connections to the event socket that were closed for a long line: too slow, or no room.",
    socket_peers_refused: "Connections to the event socket of other users.",
    http_origin_rejected: "Requests rejected for their Host or Origin.",
    http_unauthorized: "Requests rejected without a valid key.",
    http_forbidden: "Requests rejected because the key lacks the scope.",
    http_rate_limited: "Requests rejected by the rate limit.",
    /// Of HTTP and the control socket: requests that found no place among those at work; idle or
    /// stalled connections that were closed for another.
    http_connections_refused:
        "Requests that were rejected because http.max_connections were busy.",
    http_connections_evicted:
        "Idle or stalled connections of HTTP that were closed to make room for another.",
    /// Reports that were not made: history was asked too much at once, by one client or by all.
    reads_refused: "Reports that were rejected: too many reads of history at once.",
    selections: "Tasks for which agents were ranked.",
    selections_abstained: "Tasks for which no agent was recommended.",
    /// Too many at once, or history did not answer.
    selections_refused: "Tasks for which no agents were ranked, as something was wrong or too slow.",
    /// They were answered without an id.
    selections_unrecorded: "Selections that could not be kept for feedback.",
    selection_feedback: "Reports of how a selection ended.",
    selection_feedback_refused: "Reports of how a selection ended that were not taken.",
    selections_linked: "Selections of which the execution that followed ended.",
    audit_failures: "Rows of the audit trail that could not be written.",
    registry_scans: "Scans of the definitions of agents.",
    registry_files_read: "Definitions that were read, as they were new or not as before.",
    /// They ended by a fault, or took longer than 30 s.
    registry_scan_failures: "Scans of the definitions of agents that failed, or took too long.",
    registry_record_failures:
        "Times that versions of definitions could not be recorded; they are tried again.",
    registry_refreshes_refused:
        "Requests to scan the definitions of agents that found too many before them.",
    registry_writes: "Definitions of agents that were written or removed over HTTP.",
    /// Not allowed, wrong, or not as they were.
    registry_writes_refused: "Requests to write a definition of an agent that were refused.",
    tasks_created: "Tasks that were made.",
    task_claims: "Claims of tasks.",
    tasks_completed: "Tasks that were completed.",
    tasks_failed: "Tasks that have failed, and are not tried again.",
    tasks_cancelled: "Tasks that were cancelled.",
    task_retries: "Attempts that failed, of tasks that are tried again.",
    task_leases_lost:
        "Tasks that their worker lost: it was silent, took too long, or ended without a word.",
    task_stale_writes: "Writes to tasks that were refused, as another worker holds them by now.",
    task_requests_refused: "Requests to the task queue that were refused for another reason.",
    task_requests_unwritten:
        "Requests to the task queue that found no room, or could not be written.",
    task_commit_failures: "Commits of the task queue that failed.",
    spool_files: "Lines that were read from the spool.",
    journal_failures: "Commits to the journal that failed.",
    /// Lines that were not taken because history is too far behind; they are sent again.
    lines_deferred: "Lines that were not taken because history was too far behind.",
    flush_failures: "Transactions of history that failed.",
    apply_failures: "Attempts to follow the journal in Redis that failed.",
    rebuilds: "Times that the live view was rebuilt.",
    live_differences: "Times that Redis differed from history.",
    stream_clients_refused: "Clients of the stream that were rejected at the limit.",
    stream_clients_evicted:
        "Clients of the stream that owed a pong and were closed to make room for another.",
    /// Closed by the daemon, for a fault of the client's.
    stream_clients_disconnected:
        "Clients of the stream that were disconnected: too slow or silent.",
    stream_resyncs: "Clients of the stream that missed changes and got a new snapshot.",
    alerts_fired: "Alerts of the daemon's own that fired.",
    webhooks_sent: "Messages of alerts that webhooks took.",
    /// Given up after the last attempt.
    webhooks_failed: "Messages of alerts that webhooks did not take after all attempts.",
    webhooks_dropped: "Messages of alerts that found the queue of their webhook full.",
}
