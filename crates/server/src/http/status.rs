//! How the daemon is, for its own user.

use rustix::process::{Resource, getrlimit};
use serde_json::{Value, json};

use super::state::HttpState;
use agentpulse_pipeline::changes::View;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::readiness::Readiness;

pub fn status(http: &HttpState) -> Value {
    let now_ms = now_ms();
    let Readiness {
        changes,
        state,
        counters,
        ..
    } = &http.readiness;
    let (facts, settings) = (&http.system.facts, http.reloaded.last());
    let not_ready = http.readiness.ready().err();
    let condition = state.condition();
    let [live, history] = [View::Live, View::History].map(|view| changes.pending(view));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "uptime_s": facts.started.elapsed().as_secs(),
        "http": facts.http,
        "socket": facts.socket,
        "data_dir": facts.data_dir,
        "redis": {
            "url": facts.redis_url,
            "private": facts.redis_private,
            "version": facts.redis_version,
        },
        "journal": {
            "head": changes.head(),
            "pending": live.max(history),
        },
        "live": {
            "condition": condition.word(),
            "reason": condition.reason(),
            "last_difference": state.difference(),
            "rebuilt_percent": state.rebuilt_percent(),
            "applied": changes.position(View::Live),
            "pending": live,
            "lag_ms": changes.lag_ms(View::Live, now_ms),
        },
        "history": {
            "applied": changes.position(View::History),
            "pending": history,
            "lag_ms": changes.lag_ms(View::History, now_ms),
        },
        "backup": http.control.backups.progress(),
        "config": {
            "reload_failed": settings.failed,
            "needs_restart": settings.needs_restart,
        },
        // Null is without a limit.
        "max_open_files": getrlimit(Resource::Nofile).current,
        "ready": not_ready.is_none(),
        "not_ready": not_ready,
        "counters": &**counters,
        "alerts": http.alerts.firing(),
    })
}
