//! The alerts as clients see them: pending, firing and lately resolved.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::broadcast;

use agentpulse_core::alert::{Alert, Rule, Rules, State};

/// Resolved alerts that are kept, in memory only: a restart forgets them.
const MAX_RESOLVED: usize = 100;
/// Alerts that may wait for a subscriber: more than all rules can change at once.
const MAX_QUEUED: usize = 256;

pub struct AlertStore {
    shown: Mutex<Shown>,
    news: broadcast::Sender<Arc<Alert>>,
}

#[derive(Default)]
struct Shown {
    active: Vec<Arc<Alert>>,
    /// The last resolved first.
    resolved: VecDeque<Arc<Alert>>,
    budgets: Budgets,
}

/// The body of `/api/agents/alerts`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Alerts")]
pub struct List<'a> {
    alerts: Vec<&'a Alert>,
    budgets: Budgets,
}

/// The budgets of a day by the rules in force; null without such a rule.
#[derive(Clone, Copy, Default, Serialize, JsonSchema)]
struct Budgets {
    daily_tokens: Option<u64>,
    /// Dollars.
    daily_cost: Option<f64>,
}

impl Budgets {
    fn of(rules: &Rules) -> Budgets {
        let budget = |rule| rules.get(rule).map(|set| set.threshold);
        Budgets {
            // Whole, and far below 2^53, where it comes from.
            daily_tokens: budget(Rule::TokenBudget).map(|tokens| tokens as u64),
            daily_cost: budget(Rule::CostBudget),
        }
    }
}

impl Default for AlertStore {
    fn default() -> AlertStore {
        AlertStore {
            shown: Mutex::default(),
            news: broadcast::Sender::new(MAX_QUEUED),
        }
    }
}

impl AlertStore {
    /// Receives every alert that fires or is resolved from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Alert>> {
        self.news.subscribe()
    }

    /// Replaces the active alerts and the budgets, and sends the `news` to the subscribers.
    pub(super) fn show(&self, rules: &Rules, mut active: Vec<Arc<Alert>>, news: &[Arc<Alert>]) {
        // Firing before pending, the most severe first, then the newest.
        active.sort_by_key(|alert| {
            let pending = alert.state == State::Pending;
            (pending, Reverse(alert.severity), Reverse(alert.since_ms))
        });
        let mut shown = self.shown.lock();
        shown.active = active;
        shown.budgets = Budgets::of(rules);
        for alert in news.iter().filter(|alert| alert.state == State::Resolved) {
            shown.resolved.push_front(alert.clone());
        }
        shown.resolved.truncate(MAX_RESOLVED);
        drop(shown);
        for alert in news {
            // An error only means that there is no subscriber.
            let _ = self.news.send(alert.clone());
        }
    }

    /// JSON: the active alerts, then the last resolved ones; and the day's budgets.
    pub fn list(&self) -> Bytes {
        let shown = self.shown.lock();
        let all = shown.active.iter().chain(&shown.resolved);
        let list = List {
            alerts: all.map(Arc::as_ref).collect(),
            budgets: shown.budgets,
        };
        let body = serde_json::to_vec(&list);
        body.expect("names, numbers and texts are JSON").into()
    }

    /// A line for each that fires.
    pub fn firing(&self) -> Vec<String> {
        let shown = self.shown.lock();
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
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use agentpulse_core::alert::{RuleSettings, Severity};

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
        let store = AlertStore::default();
        let mut news = store.subscribe();
        let active = vec![
            alert(Rule::Spool, Severity::Critical, State::Pending, 5),
            alert(Rule::Disk, Severity::Warning, State::Firing, 7),
            alert(Rule::LiveLag, Severity::Warning, State::Firing, 8),
            alert(Rule::LiveDown, Severity::Critical, State::Firing, 6),
        ];
        let resolved = (0..MAX_RESOLVED as i64 + 5)
            .map(|i| alert(Rule::SuccessRate, Severity::Warning, State::Resolved, i));
        store.show(&Rules::default(), active, &resolved.collect::<Vec<_>>());
        let listed: Value = serde_json::from_slice(&store.list()).unwrap();
        let listed = listed["alerts"].as_array().unwrap();
        assert_eq!(listed.len(), 4 + MAX_RESOLVED);
        let rules: Vec<&str> = listed[..5]
            .iter()
            .filter_map(|a| a["rule"].as_str())
            .collect();
        assert_eq!(
            rules,
            ["live_down", "live_lag", "disk", "spool", "success_rate"]
        );
        assert_eq!(listed[4]["since"], "1970-01-01T00:00:00.104Z");
        assert_eq!(listed[4]["resolved_at"], "1970-01-01T00:00:02.604Z");
        assert_eq!(listed[103]["since"], "1970-01-01T00:00:00.005Z");
        assert_eq!(news.try_recv().unwrap().since_ms, 0);
        assert_eq!(store.firing().len(), 3);
        assert_eq!(
            store.firing()[2],
            "warning disk: 40.0 % of 5 executions in 5 min succeeded"
        );
    }

    #[test]
    fn the_budgets_are_those_in_force() {
        let store = AlertStore::default();
        let budgets = |rules: Rules| {
            store.show(&rules, Vec::new(), &[]);
            let listed: Value = serde_json::from_slice(&store.list()).unwrap();
            listed["budgets"].clone()
        };
        let set = |threshold| RuleSettings {
            threshold,
            window_ms: 0,
            hold: std::time::Duration::ZERO,
            severity: Severity::Warning,
        };
        let none = json!({"daily_tokens": null, "daily_cost": null});
        assert_eq!(budgets(Rules::default()), none);
        let rules = [(Rule::TokenBudget, set(5e9)), (Rule::CostBudget, set(2.5))];
        let expect = json!({"daily_tokens": 5_000_000_000_u64, "daily_cost": 2.5});
        assert_eq!(budgets(rules.into_iter().collect()), expect);
    }
}
