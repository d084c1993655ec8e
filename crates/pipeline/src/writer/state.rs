//! What the writer has, and what any part of it may do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tokio::sync::mpsc;

use super::heartbeats::Heartbeats;
use super::live_usage::LiveUsage;
use super::task_lists::TaskLists;
use super::transcript_queue::TranscriptQueue;
use crate::changes::Changes;
use crate::clock::Listening;
use crate::counters::Counters;
use crate::holds::Holds;
use crate::settings::RuntimeSettings;
use crate::watchdog::Watchdog;
use agentpulse_core::names::Names;
use agentpulse_store::history::Reader;
use agentpulse_store::journal::Journal;
use agentpulse_store::sqlite;

pub struct Writer {
    pub settings: Arc<RuntimeSettings>,
    pub journal: Journal,
    pub history: Reader,
    pub names: Arc<RwLock<Names>>,
    pub changes: Arc<Changes>,
    pub heartbeats: Arc<Heartbeats>,
    /// Executions whose transcripts are to be read.
    pub unread: Arc<TranscriptQueue>,
    /// Executions whose transcripts are read while they run.
    pub live_usage: Arc<LiveUsage>,
    /// What runs in the background of sessions, as their clients say.
    pub task_lists: Arc<TaskLists>,
    pub counters: Arc<Counters>,
    pub watchdog: Arc<Watchdog>,
    /// Up to where the journal must stay.
    pub holds: Arc<Holds>,
    /// Damage that no retry repairs; the daemon stops on it.
    pub damage: mpsc::Sender<String>,
    /// When what hooks reported is forgotten next.
    pub forget_at: Instant,
    pub listening: Listening,
    /// Of `listening`, what is in the journal.
    pub noted: Duration,
    /// When it is tried next whether events can be taken again.
    pub try_at: Instant,
    /// Whether the last such attempt could write to the journal.
    pub is_writable: bool,
    /// Whether turns may be to be restated that one commit had no room for.
    pub has_deferred: bool,
}

impl Writer {
    pub(super) fn report_damage(&self, error: &sqlite::Error) {
        if error.is_corrupt() {
            // One word is enough; the place is taken when it was already said.
            let _ = self.damage.try_send(error.to_string());
        }
    }
}
