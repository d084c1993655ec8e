//! The transcripts of Claude Code: how long their client keeps them, and how many runs only they
//! reported.

use std::time::Duration;

use serde_json::Value;

use super::finding::Finding;
use crate::cli::hooks::status::cleanup_days;
use agentpulse_config::Config;

const SUBJECT: &str = "transcripts";
/// What the client goes by where its settings say nothing.
const CLEANUP_DAYS: u64 = 30;
const DAY: Duration = Duration::from_secs(86_400);

/// `running`: the status of the daemon, if it runs.
pub fn findings(config: &Config, running: Option<&Value>) -> Vec<Finding> {
    // Without a home folder there are no hooks, of which there is a finding.
    let set = cleanup_days().unwrap_or_default();
    let mut findings = vec![kept(set, config.history.keep)];
    findings.extend(running.and_then(discovered));
    findings
}

fn kept(set: Option<u64>, keep: Duration) -> Finding {
    let days = set.unwrap_or(CLEANUP_DAYS);
    if days == 0 {
        let state = "Claude Code keeps none (cleanupPeriodDays is 0), and what it used is unknown";
        return Finding::hint(
            SUBJECT,
            state,
            "set cleanupPeriodDays to 30 in its settings",
        );
    }
    let kept = keep.as_secs() / DAY.as_secs();
    Finding::right(
        SUBJECT,
        format!(
            "Claude Code deletes them after {days} days (cleanupPeriodDays); what is counted stays \
             for {kept}"
        ),
    )
}

/// Runs of which no hook reported anything.
fn discovered(status: &Value) -> Option<Finding> {
    let count = status["counters"]["executions_discovered"].as_u64()?;
    let state = format!("{count} executions were found in them that no hook reported");
    let fix = "`agentpulse hooks status` shows whether hooks are complete";
    (count > 0).then(|| Finding::hint(SUBJECT, state, fix))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn transcripts_that_are_not_kept_are_a_hint() {
        let keep = 400 * DAY;
        assert!(kept(Some(0), keep).fix.is_some());
        let found = kept(None, keep);
        assert_eq!(found.fix, None);
        assert_eq!(
            found.state,
            "Claude Code deletes them after 30 days (cleanupPeriodDays); what is counted stays for \
             400"
        );
        assert!(kept(Some(7), keep).state.contains("after 7 days"));
    }

    #[test]
    fn executions_that_only_transcripts_report_are_counted() {
        let found = |count| discovered(&json!({"counters": {"executions_discovered": count}}));
        assert!(found(0).is_none());
        let state = found(3).expect("a finding").state;
        assert_eq!(
            state,
            "3 executions were found in them that no hook reported"
        );
    }
}
