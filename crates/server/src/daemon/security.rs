//! Who may reach HTTP: the security layer by the settings.

use std::net::SocketAddr;
use std::sync::Arc;

use super::failure::Failure;
use crate::http::authorizer::Authorizer;
use crate::http::headers::Policy;
use crate::http::origin::OriginPolicy;
use crate::http::security::SecurityLayer;
use agentpulse_config::{Config, RequireKey};
use agentpulse_contract::exit;
use agentpulse_pipeline::counters::Counters;
use agentpulse_store::access::Access;

/// Without keys only this machine may read.
pub fn check_reach(config: &Config, access: &Access) -> Result<(), Failure> {
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
pub fn layer(
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
