//! What the parts share, and the parts built from it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::RwLock;

use super::failure::Failure;
use super::stores::Stores;
use agentpulse_alerts::store::AlertStore;
use agentpulse_config::Config;
use agentpulse_core::names::Names;
use agentpulse_live::Live;
use agentpulse_pipeline::applier::{Applier, HistorySnapshots, Rebuild, Runs};
use agentpulse_pipeline::backup::Backups;
use agentpulse_pipeline::changes::{Changes, View};
use agentpulse_pipeline::counters::Counters;
use agentpulse_pipeline::flusher::Flusher;
use agentpulse_pipeline::holds::Holds;
use agentpulse_pipeline::live_state::LiveState;
use agentpulse_pipeline::persisted_counters::PersistedCounters;
use agentpulse_pipeline::readiness::Readiness;
use agentpulse_pipeline::running::Running;
use agentpulse_pipeline::settings::SettingsWatch;
use agentpulse_pipeline::watchdog::Watchdog;
use agentpulse_pipeline::writer::{
    Heartbeats, LiveUsage, TaskLists, TranscriptQueue, WriterHandle,
};
use agentpulse_reports::client::{Clients, Said};
use agentpulse_reports::registry::Definitions;
use agentpulse_reports::selection::ledger::LedgerHandle;
use agentpulse_reports::{Reports, Views, stream};
use agentpulse_sources::claude_code::transcript::ClientUsage;
use agentpulse_store::history::{History, Lanes};
use agentpulse_store::journal::Tail;
use agentpulse_transcripts::{EndedReader, Indexes, RunningReader};

/// Everything that the parts share.
pub struct Parts {
    pub names: Arc<RwLock<Names>>,
    pub changes: Arc<Changes>,
    pub heartbeats: Arc<Heartbeats>,
    pub unread: Arc<TranscriptQueue>,
    /// The running executions of the writer.
    pub running: Arc<Running>,
    pub live_usage: Arc<LiveUsage>,
    pub task_lists: Arc<TaskLists>,
    /// Of the transcripts that were read.
    pub indexes: Arc<Indexes>,
    pub state: Arc<LiveState>,
    pub counters: Arc<Counters>,
    pub kept: Arc<PersistedCounters>,
    pub holds: Arc<Holds>,
    pub alerts: Arc<AlertStore>,
    pub watchdog: Arc<Watchdog>,
    pub settings: SettingsWatch,
}

impl Parts {
    pub fn new(stores: &Stores, settings: SettingsWatch) -> Parts {
        let counters = Arc::<Counters>::default();
        let changes = Arc::new(Changes::new(stores.journal.last_seq()));
        changes.applied(View::History, stores.history_seq);
        let (timeouts, max_bytes) = {
            let settings = settings.borrow();
            (settings.timeouts, settings.max_running_bytes)
        };
        Parts {
            names: stores.names.clone(),
            heartbeats: Arc::default(),
            unread: Arc::default(),
            running: Arc::new(Running::new(timeouts, max_bytes)),
            live_usage: Arc::default(),
            task_lists: Arc::default(),
            indexes: Arc::default(),
            state: Arc::new(LiveState::new(changes.clone())),
            changes,
            kept: Arc::new(PersistedCounters::new(stores.counted.clone(), &counters)),
            counters,
            holds: Arc::default(),
            alerts: Arc::default(),
            watchdog: Arc::default(),
            settings,
        }
    }

    /// `open` becomes true once the event socket is open.
    pub fn readiness(&self, open: Arc<AtomicBool>) -> Readiness {
        Readiness {
            changes: self.changes.clone(),
            state: self.state.clone(),
            counters: self.counters.clone(),
            settings: self.settings.clone(),
            watchdog: self.watchdog.clone(),
            head_at_start: self.changes.head(),
            open,
        }
    }

    pub fn backups(&self, config: &Config, writer: WriterHandle) -> Backups {
        let (changes, holds) = (self.changes.clone(), self.holds.clone());
        Backups::new(config.data.dir.clone(), changes, holds, writer)
    }

    pub fn applier(&self, stores: &Stores, live: &Live, runs: Runs) -> Result<Applier, Failure> {
        let rebuild = Rebuild {
            live: live.clone(),
            epoch: stores.journal.epoch().to_owned(),
            history: HistorySnapshots(stores.history_path.clone()),
            settings: self.settings.clone(),
            names: self.names.clone(),
            changes: self.changes.clone(),
            state: self.state.clone(),
            counters: self.counters.clone(),
            watchdog: self.watchdog.clone(),
            holds: self.holds.clone(),
            nonce: nonce()?,
            attempt: 0,
        };
        Ok(Applier::new(
            rebuild,
            stores.journal.past_epochs().to_vec(),
            Tail::open(&stores.journal_path)?,
            self.heartbeats.clone(),
            runs,
        ))
    }

    pub fn ended_reader(&self, lanes: &Lanes, writer: WriterHandle) -> EndedReader {
        EndedReader {
            writer,
            unread: self.unread.clone(),
            history: lanes.own.clone(),
            settings: self.settings.clone(),
            counters: self.counters.clone(),
            indexes: self.indexes.clone(),
        }
    }

    pub fn running_reader(&self, writer: WriterHandle) -> RunningReader {
        RunningReader {
            writer,
            running: self.running.clone(),
            live_usage: self.live_usage.clone(),
            task_lists: self.task_lists.clone(),
            settings: self.settings.clone(),
            indexes: self.indexes.clone(),
        }
    }

    pub fn flusher(&self, stores: &Stores, writer: WriterHandle) -> Result<Flusher, Failure> {
        let flusher = Flusher {
            history: History::open(&stores.history_path)?,
            epoch: stores.journal.epoch().to_owned(),
            settings: self.settings.clone(),
            watchdog: self.watchdog.clone(),
            changes: self.changes.clone(),
            tail: Tail::open(&stores.journal_path)?,
            writer,
            state: self.state.clone(),
            counters: self.counters.clone(),
            persisted: self.kept.clone(),
            names: self.names.clone(),
        };
        Ok(flusher)
    }

    /// The sources of the reports.
    pub fn views(
        &self,
        stores: &Stores,
        live: &Live,
        definitions: Definitions,
        ledger: LedgerHandle,
    ) -> Views {
        Views {
            live: live.clone(),
            lanes: stores.lanes.clone(),
            names: self.names.clone(),
            state: self.state.clone(),
            running: self.running.clone(),
            calendar: stores.lookup.calendar().clone(),
            clients: self.clients(),
            definitions,
            ledger,
        }
    }

    /// By the transcripts of their main threads.
    fn clients(&self) -> Clients {
        let (settings, indexes) = (self.settings.clone(), self.indexes.clone());
        Clients::new(Arc::new(move |session| {
            let settings = settings.borrow().clone();
            let (roots, max_bytes) = (&settings.transcript_roots, settings.transcript_max_bytes);
            let totals = indexes.said.totals(roots, max_bytes, session)?;
            let sum = |count: fn(&ClientUsage) -> u64| {
                let counts = totals.models.values().map(count);
                counts.fold(0, u64::saturating_add)
            };
            Some(Said {
                input_tokens: sum(|usage| usage.input_tokens),
                output_tokens: sum(|usage| usage.output_tokens),
                cache_read_tokens: sum(|usage| usage.cache_read_tokens),
                cache_write_tokens: sum(|usage| usage.cache_write_tokens),
                cost: totals.cost,
            })
        }))
    }

    /// The sources of the stream.
    pub fn watched(&self, config: &Config, reports: Arc<Reports>) -> stream::Watched {
        stream::Watched {
            reports,
            changes: self.changes.clone(),
            state: self.state.clone(),
            heartbeats: self.heartbeats.clone(),
            counters: self.counters.clone(),
            settings: self.settings.clone(),
            max_clients: config.limits.stream_clients,
            alerts: self.alerts.subscribe(),
        }
    }
}

pub fn nonce() -> Result<u64, Failure> {
    getrandom::u64().map_err(|error| Failure::new(1, format!("no random numbers: {error}")))
}
