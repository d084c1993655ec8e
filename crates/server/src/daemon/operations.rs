//! What an operator may ask of this daemon, and where the requests arrive.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::parts::Parts;
use super::redis::Redis;
use agentpulse_config::Config;
use agentpulse_pipeline::operations::{Facts, Operations};
use agentpulse_pipeline::writer::WriterHandle;
use agentpulse_pipeline::{applier, flusher, reload};

/// The requests of operators, by the task that they are for.
pub struct Requests {
    pub views: ViewRequests,
    pub reload: mpsc::Receiver<reload::Command>,
}

pub struct ViewRequests {
    pub applier: mpsc::Receiver<applier::Command>,
    pub flusher: mpsc::Receiver<flusher::Command>,
}

pub fn open(
    config: &Config,
    parts: &Parts,
    facts: Facts,
    writer: WriterHandle,
) -> (Operations, Requests) {
    let (to_applier, applier) = mpsc::channel(4);
    let (to_flusher, flusher) = mpsc::channel(4);
    let (to_reload, reload) = mpsc::channel(1);
    let operations = Operations {
        changes: parts.changes.clone(),
        state: parts.state.clone(),
        counters: parts.counters.clone(),
        applier: to_applier,
        flusher: to_flusher,
        backups: Arc::new(parts.backups(config, writer)),
        reload: to_reload,
        reloaded: Arc::default(),
        settings: parts.settings.clone(),
        watchdog: parts.watchdog.clone(),
        facts: Arc::new(facts),
        head_at_start: parts.changes.head(),
        open: Arc::new(AtomicBool::new(false)),
    };
    let views = ViewRequests { applier, flusher };
    (operations, Requests { views, reload })
}

pub fn facts(config: &Config, redis: &Redis, http: SocketAddr) -> Facts {
    Facts {
        started: Instant::now(),
        http: http.to_string(),
        socket: config.socket.path.display().to_string(),
        data_dir: config.data.dir.display().to_string(),
        spool_dir: config.spool.path.clone(),
        spool_max_bytes: config.spool.max_bytes,
        redis_url: redis.url.to_string(),
        redis_private: redis.child.is_some(),
        redis_version: redis.version.clone(),
    }
}
