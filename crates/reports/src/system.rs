//! The daemon's own metrics and health.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::timeout;
use tracing::warn;

use super::cache::Cache;
use super::facts::Facts;
use super::health::{self, HealthInputs};
use super::metrics::{self, Scrape};
use super::probe::{ProbeError, Probes};
use super::requests::Requests;
use agentpulse_live::Live;
use agentpulse_pipeline::changes::View;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::persisted_counters::PersistedCounters;
use agentpulse_pipeline::readiness::Readiness;
use agentpulse_pipeline::reload::ReloadState;
use agentpulse_queue::{Queue, Standing};
use agentpulse_registry::Handle;
use agentpulse_store::history::{Error, LifetimeCounters, Reader, Readers};

/// Prometheus gives up at ten seconds by default; parts that do not answer by then are missing, the
/// rest is sent.
const SCRAPE_WAIT: Duration = Duration::from_secs(1);
/// All probes run at the same time, so that the report takes no longer than 100 ms.
const HEALTH_WAIT: Duration = Duration::from_millis(75);

pub struct System {
    readiness: Readiness,
    reloaded: Arc<ReloadState>,
    pub facts: Facts,
    kept: Arc<PersistedCounters>,
    readers: Readers,
    definitions: Handle,
    /// None where it cannot be opened.
    queue: Option<Arc<Queue>>,
    pub probes: Probes,
    pub requests: Requests,
    /// A counter that disappears for one scrape would count as reset with the next.
    last_totals: Mutex<Arc<LifetimeCounters>>,
    scrape: Cache<(), Bytes>,
    report: Cache<(), Bytes>,
}

/// What is not of the executions.
pub struct Beside {
    pub definitions: Handle,
    /// None where it cannot be opened.
    pub queue: Option<Arc<Queue>>,
}

impl System {
    pub fn new(
        readiness: Readiness,
        reloaded: Arc<ReloadState>,
        facts: Facts,
        kept: Arc<PersistedCounters>,
        live: Live,
        readers: Readers,
        beside: Beside,
    ) -> System {
        let data_dir = PathBuf::from(&facts.data_dir);
        let spool_dir = facts.spool_dir.clone();
        System {
            readiness,
            reloaded,
            facts,
            kept,
            readers,
            definitions: beside.definitions,
            queue: beside.queue,
            probes: Probes::new(live, data_dir, spool_dir),
            requests: Requests::default(),
            last_totals: Mutex::default(),
            scrape: Cache::new(Bytes::len),
            report: Cache::new(Bytes::len),
        }
    }

    /// Everything in the text format of Prometheus; at most a quarter of a second old.
    pub async fn metrics(&self) -> Bytes {
        let make = || async {
            let scrape = self.scrape().await;
            metrics::build(&scrape, &self.requests).into()
        };
        self.scrape.get(&(), Instant::now(), make).await
    }

    /// A JSON object; at most a quarter of a second old.
    pub async fn health(&self) -> Bytes {
        let make = || async {
            let report = health::build(&self.inputs().await);
            let body = serde_json::to_vec(&report);
            body.expect("names and numbers are JSON").into()
        };
        self.report.get(&(), Instant::now(), make).await
    }

    async fn scrape(&self) -> Scrape {
        let (readiness, facts) = (&self.readiness, &self.facts);
        let (totals, memory, room, queue) = tokio::join!(
            self.history(SCRAPE_WAIT, Reader::totals),
            self.probes.memory(SCRAPE_WAIT),
            self.probes.room(SCRAPE_WAIT),
            self.queue_stands(SCRAPE_WAIT),
        );
        let history_up = totals.is_ok();
        let totals = {
            let mut last = self.last_totals.lock();
            match totals {
                Ok(totals) => *last = Arc::new(totals),
                Err(error) => warn!(error.reason, "/metrics shows the totals of the last scrape"),
            }
            last.clone()
        };
        let pending = [View::Live, View::History].map(|view| readiness.changes.pending(view));
        Scrape {
            catalog: readiness.settings.borrow().catalog.clone(),
            totals,
            history_up,
            counters: self.kept.shown(),
            journal_pending: pending.into_iter().max().unwrap_or(0),
            live_lag_ms: readiness.changes.lag_ms(View::Live, now_ms()),
            ready: readiness.ready().is_ok(),
            live_state: readiness.state.condition().word(),
            flushed_ms: readiness.counters.last.flushed.get(),
            redis_up: memory.is_ok(),
            memory: memory.ok().flatten(),
            room: room.ok(),
            spool_max_bytes: facts.spool_max_bytes,
            stream_clients: readiness.counters.stream_clients.get(),
            redis_version: facts.redis_version.clone(),
            definitions: self.definitions.now(),
            queue: queue.ok(),
            roles: readiness.settings.borrow().tasks.roles.names.clone(),
        }
    }

    /// How the queue stands; an error says why that is unknown, or what is wrong with it.
    async fn queue_stands(&self, deadline: Duration) -> Result<Arc<Standing>, ProbeError> {
        let Some(queue) = &self.queue else {
            return Err(ProbeError::of("tasks.db cannot be opened"));
        };
        if let Some(fault) = queue.fault() {
            return Err(ProbeError::of(fault));
        }
        match timeout(deadline, queue.standing()).await {
            Ok(Ok(standing)) => Ok(standing),
            Ok(Err(denied)) => Err(ProbeError::of(denied)),
            Err(_) => Err(ProbeError::late(deadline)),
        }
    }

    async fn inputs(&self) -> HealthInputs {
        let (readiness, facts) = (&self.readiness, &self.facts);
        let began = Instant::now();
        let count = async {
            let count = self.history(HEALTH_WAIT, Reader::count).await;
            count.map(|count| (count, began.elapsed()))
        };
        let memory = async {
            let memory = self.probes.memory(HEALTH_WAIT).await;
            memory.map(|memory| (memory, began.elapsed()))
        };
        let (executions, memory, room, queue) = tokio::join!(
            count,
            memory,
            self.probes.room(HEALTH_WAIT),
            self.queue_stands(HEALTH_WAIT),
        );
        let changes = &readiness.changes;
        let now_ms = now_ms();
        HealthInputs {
            now_ms,
            uptime: facts.started.elapsed(),
            flush_interval_ms: readiness.settings.borrow().flush_interval_ms(),
            redis_private: facts.redis_private,
            redis_version: facts.redis_version.clone(),
            spool_max_bytes: facts.spool_max_bytes,
            executions,
            memory,
            room,
            blocked: readiness.blocked(),
            condition: readiness.state.condition(),
            difference: readiness.state.difference(),
            head: changes.head(),
            applied: [View::Live, View::History].map(|view| changes.position(view)),
            lag_ms: [View::Live, View::History].map(|view| changes.lag_ms(view, now_ms)),
            counters: readiness.counters.clone(),
            settings: self.reloaded.last(),
            definitions: self.definitions.now(),
            queue,
            took: began.elapsed(),
        }
    }

    async fn history<T: Send + 'static>(
        &self,
        deadline: Duration,
        ask: impl FnOnce(&Reader) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, ProbeError> {
        match timeout(deadline, self.readers.run(ask)).await {
            Ok(answer) => answer.map_err(ProbeError::of),
            Err(_) => Err(ProbeError::late(deadline)),
        }
    }
}
