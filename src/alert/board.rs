//! The alerts as everybody sees them: what is pending or fires, and what was resolved lately.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::broadcast;

use crate::domain::alert::{Alert, State};

/// Resolved alerts that are kept, in memory only: with the daemon they go.
const MAX_RESOLVED: usize = 100;
/// Alerts that may wait for who watches: more than all rules have to tell at once.
const MAX_QUEUED: usize = 256;
/// Of the reason of a refused reload.
const MAX_REASON_CHARS: usize = 500;

pub struct Board {
    shown: Mutex<Shown>,
    news: broadcast::Sender<Arc<Alert>>,
}

#[derive(Default)]
struct Shown {
    active: Vec<Arc<Alert>>,
    /// The last resolved first.
    resolved: VecDeque<Arc<Alert>>,
    reload_failed: Option<String>,
}

/// The body of `/api/agents/alerts`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Alerts")]
pub struct List<'a> {
    alerts: Vec<&'a Alert>,
}

impl Default for Board {
    fn default() -> Board {
        Board {
            shown: Mutex::default(),
            news: broadcast::Sender::new(MAX_QUEUED),
        }
    }
}

impl Board {
    /// Every alert that fires or is resolved from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Alert>> {
        self.news.subscribe()
    }

    /// What came of reloading the settings; `reason` is shown to readers.
    pub fn reloaded(&self, outcome: Result<(), String>) {
        let cut = |reason: String| reason.chars().take(MAX_REASON_CHARS).collect();
        self.shown().reload_failed = outcome.err().map(cut);
    }

    pub(super) fn reload_failed(&self) -> Option<String> {
        self.shown().reload_failed.clone()
    }

    /// Shows what is active now, and tells those who listen the `news`.
    pub(super) fn show(&self, mut active: Vec<Arc<Alert>>, news: &[Arc<Alert>]) {
        // What fires stands before what is pending, the gravest first, then the newest.
        active.sort_by_key(|alert| {
            let pending = alert.state == State::Pending;
            (pending, Reverse(alert.severity), Reverse(alert.since_ms))
        });
        let mut shown = self.shown();
        shown.active = active;
        for alert in news.iter().filter(|alert| alert.state == State::Resolved) {
            shown.resolved.push_front(alert.clone());
        }
        shown.resolved.truncate(MAX_RESOLVED);
        drop(shown);
        for alert in news {
            // Without a receiver there is nobody to tell.
            let _ = self.news.send(alert.clone());
        }
    }

    /// JSON: what is active first, then the last that were resolved.
    pub fn list(&self) -> Bytes {
        let shown = self.shown();
        let all = shown.active.iter().chain(&shown.resolved);
        let list = List {
            alerts: all.map(Arc::as_ref).collect(),
        };
        let body = serde_json::to_vec(&list);
        body.expect("names, numbers and texts are JSON").into()
    }

    /// A line for each that fires.
    pub fn firing(&self) -> Vec<String> {
        let shown = self.shown();
        let firing = shown
            .active
            .iter()
            .filter(|alert| alert.state == State::Firing);
        firing
            .map(|alert| {
                let (severity, rule) = (alert.severity.name(), alert.rule.name());
                format!("{severity} {rule}: {}", alert.message)
            })
            .collect()
    }

    /// A panic elsewhere leaves at worst the list of the moment before.
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::Value;

    use super::*;
    use crate::domain::alert::{Rule, Severity};

    pub fn alert(rule: Rule, severity: Severity, state: State, since_ms: i64) -> Arc<Alert> {
        Arc::new(Alert {
            id: format!("{}-{since_ms}", rule.name()),
            rule,
            severity,
            state,
            since_ms,
            fired_ms: (state != State::Pending).then_some(since_ms + 1_000),
            resolved_ms: (state == State::Resolved).then_some(since_ms + 2_500),
            value: 40.0,
            threshold: 80.0,
            unit: rule.unit(),
            message: "40.0 % of 5 executions in 5 min succeeded".to_owned(),
            subject: None,
        })
    }

    #[test]
    fn the_gravest_that_fires_is_first_and_the_resolved_are_last_and_bounded() {
        let board = Board::default();
        let mut news = board.subscribe();
        let active = vec![
            alert(Rule::Spool, Severity::Critical, State::Pending, 5),
            alert(Rule::Disk, Severity::Warning, State::Firing, 7),
            alert(Rule::LiveLag, Severity::Warning, State::Firing, 8),
            alert(Rule::LiveDown, Severity::Critical, State::Firing, 6),
        ];
        let resolved = (0..MAX_RESOLVED as i64 + 5)
            .map(|i| alert(Rule::SuccessRate, Severity::Warning, State::Resolved, i));
        board.show(active, &resolved.collect::<Vec<_>>());
        let told: Value = serde_json::from_slice(&board.list()).unwrap();
        let told = told["alerts"].as_array().unwrap();
        assert_eq!(told.len(), 4 + MAX_RESOLVED);
        let rules: Vec<&str> = told[..5]
            .iter()
            .filter_map(|a| a["rule"].as_str())
            .collect();
        assert_eq!(
            rules,
            ["live_down", "live_lag", "disk", "spool", "success_rate"]
        );
        assert_eq!(told[4]["since"], "1970-01-01T00:00:00.104Z");
        assert_eq!(told[4]["resolved_at"], "1970-01-01T00:00:02.604Z");
        assert_eq!(told[103]["since"], "1970-01-01T00:00:00.005Z");
        assert_eq!(news.try_recv().unwrap().since_ms, 0);
        assert_eq!(board.firing().len(), 3);
        assert_eq!(
            board.firing()[2],
            "warning disk: 40.0 % of 5 executions in 5 min succeeded"
        );
    }

    #[test]
    fn the_last_reload_counts() {
        let board = Board::default();
        board.reloaded(Err("ä".repeat(600)));
        assert_eq!(board.reload_failed(), Some("ä".repeat(500)));
        board.reloaded(Ok(()));
        assert_eq!(board.reload_failed(), None);
    }
}
