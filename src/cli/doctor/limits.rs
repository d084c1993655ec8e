//! The files that the running daemon may have open: each connection is one.

use std::fs;

use serde_json::Value;

use super::Finding;
use crate::config::Config;
use crate::daemon::files_needed;

const SUBJECT: &str = "open files";

/// Nothing where the system does not tell of another process.
pub fn finding(config: &Config, status: &Value) -> Option<Finding> {
    let pid = status["pid"].as_u64()?;
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    Some(judge(soft(&limits)?, files_needed(config)))
}

/// Of `Max open files            1024                 524288               files`.
fn soft(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn judge(limit: u64, needed: u64) -> Finding {
    if limit >= needed {
        let state = format!("the daemon may open all {needed} that it could need");
        return Finding::right(SUBJECT, state);
    }
    let state = format!("the daemon may open {limit}, and its connections could need {needed}");
    let mend = "raise the hard limit (ulimit -Hn, or LimitNOFILE of the unit), or lower \
                http.max_connections and limits.connections";
    Finding::wrong(SUBJECT, state, mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_counts() {
        let limits = |soft: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units     \n\
                 Max processes             63456                63456                processes \n\
                 Max open files            {soft}                 524288               files     \n"
            )
        };
        assert_eq!(soft(&limits("1024")), Some(1_024));
        assert_eq!(soft(&limits("unlimited")), Some(u64::MAX));
        assert_eq!(soft(""), None);
        assert!(judge(1_024, 1_025).mend.is_some());
        assert!(judge(1_024, 1_024).mend.is_none());
    }
}
