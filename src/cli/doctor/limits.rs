//! The files that the running daemon may have open: each connection is one.

use serde_json::Value;

use super::finding::Finding;
use agentpulse_config::Config;
use agentpulse_server::daemon::files_needed;

const SUBJECT: &str = "open files";

/// Returns None if there is no limit.
pub fn finding(config: &Config, status: &Value) -> Option<Finding> {
    let limit = status["max_open_files"].as_u64()?;
    Some(evaluate(limit, files_needed(config)))
}

fn evaluate(limit: u64, needed: u64) -> Finding {
    if limit >= needed {
        let state = format!("the daemon may open all {needed} that it can need");
        return Finding::right(SUBJECT, state);
    }
    let state = format!("the daemon may open {limit}, and its connections can need {needed}");
    let fix = "raise the hard limit (ulimit -Hn, or LimitNOFILE of the unit), or lower \
                http.max_connections and limits.connections";
    Finding::error(SUBJECT, state, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_are_needed_are_enough() {
        assert!(evaluate(1_024, 1_025).fix.is_some());
        assert!(evaluate(1_024, 1_024).fix.is_none());
    }
}
