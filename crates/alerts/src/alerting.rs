//! Evaluates the rules, and passes on what changed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use super::collect::Collector;
use super::machine::{AlertStateMachine, Now};
use super::notify::Notify;
use super::rules;
use super::store::AlertStore;
use agentpulse_core::alert::{Alert, Severity, State};
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::counters::Counters;
use agentpulse_pipeline::settings::SettingsWatch;

/// A person learns of an alert within seconds; an evaluation costs a few milliseconds.
const EVERY: Duration = Duration::from_secs(2);

/// Evaluates the rules as long as the daemon runs.
pub struct Alerting {
    pub settings: SettingsWatch,
    pub collector: Collector,
    pub store: Arc<AlertStore>,
    pub notify: Notify,
    pub counters: Arc<Counters>,
}

impl Alerting {
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut machine = AlertStateMachine::default();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let evaluate = async {
            loop {
                ticks.tick().await;
                self.evaluate(&mut machine).await;
            }
        };
        tokio::select! {
            () = evaluate => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn evaluate(&mut self, machine: &mut AlertStateMachine) {
        let settings = self.settings.borrow().clone();
        let rules = &settings.rules;
        let inputs = self.collector.inputs(rules, now_ms()).await;
        let now = Now {
            wall_ms: now_ms(),
            monotonic: Instant::now(),
        };
        let mut news = machine.keep(rules, now);
        for (rule, settings, evaluations) in rules::evaluate(&inputs, rules) {
            if let Some(evaluations) = evaluations {
                news.extend(machine.step(rule, &settings, evaluations, now));
            }
        }
        let active = machine.active().cloned().collect();
        self.store.show(rules, active, &news);
        for alert in &news {
            if alert.state == State::Firing {
                self.counters.alerts_fired.add(1);
            }
            log(alert);
            self.notify.send(alert);
        }
    }
}

fn log(alert: &Alert) {
    let (rule, subject) = (alert.rule.name(), alert.subject.as_deref());
    let message = &alert.message;
    match (alert.state, alert.severity) {
        (State::Firing, Severity::Critical) => error!(rule, subject, message, "alert"),
        (State::Firing, _) => warn!(rule, subject, message, "alert"),
        _ => info!(rule, subject, message, "alert resolved"),
    }
}
