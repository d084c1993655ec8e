//! What the daemon's user may ask for, and where the requests arrive.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use super::parts::Parts;
use super::redis::Redis;
use crate::http::Control;
use agentpulse_config::Config;
use agentpulse_pipeline::writer::WriterHandle;
use agentpulse_pipeline::{applier, flusher, reload};
use agentpulse_reports::facts::Facts;

/// The requests, by the task that they are for.
pub struct Requests {
    pub views: ViewRequests,
    pub reload: mpsc::Receiver<reload::Command>,
}

pub struct ViewRequests {
    pub applier: mpsc::Receiver<applier::Command>,
    pub flusher: mpsc::Receiver<flusher::Command>,
}

pub fn open(config: &Config, parts: &Parts, writer: WriterHandle) -> (Control, Requests) {
    let (to_applier, applier) = applier::channel();
    let (to_flusher, flusher) = flusher::channel();
    let (to_reload, reload) = reload::channel();
    let control = Control {
        applier: to_applier,
        flusher: to_flusher,
        reload: to_reload,
        backups: Arc::new(parts.backups(config, writer)),
    };
    let views = ViewRequests { applier, flusher };
    (control, Requests { views, reload })
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
