//! Opens keys and audit trail, and writes what gathers for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use super::folder::nothing_in;
use super::{Failure, Folder, finish_before_reading, stores};
use crate::http::authorizer::Authorizer;
use crate::http::headers::Policy;
use crate::http::origin::OriginPolicy;
use crate::http::security::SecurityLayer;
use agentpulse_config::{Config, RequireKey};
use agentpulse_contract::data_folder::ACCESS;
use agentpulse_contract::exit;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::counters::Counters;
use agentpulse_store::access::{Access, Action, Actor, Entry};

const TICK: Duration = Duration::from_secs(1);

/// Keys and audit trail without a daemon; none can start meanwhile.
pub struct Offline {
    pub access: Access,
    pub actor: Actor,
    _folder: Folder,
}

/// Claims the folder by `claim`: the first key may be made before the first start.
///
/// # Errors
/// A daemon runs on the folder, or its files cannot be opened.
pub fn access_offline(
    config: &Config,
    claim: fn(&Config) -> Result<Folder, Failure>,
) -> Result<Offline, Failure> {
    let folder = claim(config)?;
    let access = open(config)?;
    Ok(Offline {
        access,
        actor: operator(),
        _folder: folder,
    })
}

/// Keys and audit trail as they are, without a daemon; nothing is created or changed, except that
/// an interrupted restore is finished.
///
/// # Errors
/// There are none, or they cannot be read.
pub fn access_to_read(config: &Config) -> Result<Access, Failure> {
    finish_before_reading(config)?;
    let path = config.data.dir.join(ACCESS);
    match path.try_exists() {
        Ok(true) => Access::open_to_read(&path).map_err(stores::failure),
        _ => Err(nothing_in(&config.data.dir)),
    }
}

pub fn open(config: &Config) -> Result<Access, Failure> {
    Access::open(&config.data.dir.join(ACCESS)).map_err(stores::failure)
}

/// The user of a command that needs no daemon.
fn operator() -> Actor {
    Actor::user(rustix::process::getuid().as_raw(), "command line")
}

/// Records what a command did without a daemon.
pub fn note_offline(access: &Access, action: Action, outcome: Result<(), String>) {
    let entry = Entry::of(action, operator(), outcome.map(|()| None), now_ms());
    if let Err(error) = access.note(entry) {
        warn!(%error, "the audit trail could not be written");
    }
}

/// Without keys only this machine may read.
pub fn check(config: &Config, access: &Access) -> Result<(), Failure> {
    let listen = config.http.listen;
    if listen.ip().to_canonical().is_loopback() || access.has_keys() {
        return Ok(());
    }
    Err(Failure::new(
        exit::CONFIG,
        format!(
            "http.listen {listen} is not a loopback address, and there are no API keys: create one \
             with agentpulse key create, or listen on 127.0.0.1"
        ),
    ))
}

/// `address` is the one that the daemon listens on: reloaded settings may name another.
pub fn security(
    config: &Config,
    address: SocketAddr,
    access: &Arc<Access>,
    counters: &Arc<Counters>,
) -> SecurityLayer {
    let http = &config.http;
    // The last key of a daemon that others can reach may be revoked while it runs.
    let is_reachable = !address.ip().to_canonical().is_loopback();
    SecurityLayer {
        origins: OriginPolicy::new(&http.allowed_hosts, &http.allowed_origins),
        authorizer: Authorizer::new(
            access.clone(),
            counters.clone(),
            is_reachable || http.require_key == RequireKey::Always,
            http.rate_limit,
            http.rate_burst,
        ),
        policy: Policy::new(&http.frame_ancestors),
    }
}

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
                () = sleep(TICK) => false,
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
        let access = self.access.clone();
        let tick = move || access.tick(now_ms(), is_end);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(tick).await {
            self.counters.audit_failures.add(1);
            warn!(%error, "the audit trail could not be written");
        }
    }
}
