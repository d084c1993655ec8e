//! How many files the daemon may have open: each connection is one, and a shell or a service
//! manager often allows 1,024 until a program asks for more.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use agentpulse_config::Config;

/// Databases with their logs, Redis, what is read of transcripts and the spool, the log, and half
/// as much again.
const OWN: u64 = 128;

/// What the settings can make the daemon open at once.
pub fn files_needed(config: &Config) -> u64 {
    (config.http.max_connections + config.limits.connections) as u64 + OWN
}

/// Raises the soft limit as far as it is needed and allowed. With less the daemon works, and
/// rejects connections earlier.
pub fn allow(config: &Config) {
    let needed = files_needed(config);
    let limit = getrlimit(Resource::Nofile);
    let is_enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    if is_enough(limit.current) {
        return;
    }
    let raised = Rlimit {
        current: Some(limit.maximum.map_or(needed, |most| most.min(needed))),
        maximum: limit.maximum,
    };
    let outcome = setrlimit(Resource::Nofile, raised);
    if outcome.is_err() || !is_enough(limit.maximum) {
        let allowed = getrlimit(Resource::Nofile).current;
        warn!(
            allowed,
            needed,
            "the limit of open files is too low for all connections that the settings allow"
        );
    }
}
