//! Alerts for those without Prometheus:
//!
//! ```text
//! gather ──inputs──▶ rules (pure) ──levels──▶ machine (pure) ──▶ board ──▶ HTTP, the stream
//!                                                       └──news──▶ the log, webhooks
//! ```
//!
//! Every two seconds all rules are judged. An alert is pending while its condition holds, fires
//! once that has lasted for as long as the rule says, and is resolved when its value has come back
//! by a tenth of its threshold. What cannot be found out changes nothing. Alerts are in memory
//! only: a daemon that starts finds out anew what fires, and tells it again; what it had resolved
//! before is forgotten.

mod baseline;
pub mod board;
mod gather;
mod inputs;
mod machine;
pub mod notify;
mod post;
mod rules;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use self::board::Board;
pub use self::gather::Gather;
use self::machine::{Machine, Now};
use self::notify::Notify;
use crate::domain::alert::{Alert, Severity, State};
use crate::flow::clock::now_ms;
use crate::flow::counters::Counters;
use crate::flow::tuning::Tuned;

/// A person is told within seconds; a look costs a few milliseconds.
const EVERY: Duration = Duration::from_secs(2);

/// Judges as long as the daemon runs.
pub struct Alerting {
    pub tuned: Tuned,
    pub gather: Gather,
    pub board: Arc<Board>,
    pub notify: Notify,
    pub counters: Arc<Counters>,
}

impl Alerting {
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut machine = Machine::default();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let look = async {
            loop {
                ticks.tick().await;
                self.look(&mut machine).await;
            }
        };
        tokio::select! {
            () = look => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn look(&mut self, machine: &mut Machine) {
        let tuning = self.tuned.borrow().clone();
        let rules = &tuning.rules;
        let inputs = self.gather.inputs(rules, now_ms()).await;
        let now = Now {
            wall_ms: now_ms(),
            monotonic: Instant::now(),
        };
        let mut news = machine.keep(rules, now);
        for (rule, settings, judgements) in rules::judge(&inputs, rules) {
            if let Some(judgements) = judgements {
                news.extend(machine.step(rule, &settings, judgements, now));
            }
        }
        let active = machine.active().cloned().collect();
        self.board.show(rules, active, &news);
        for alert in &news {
            if alert.state == State::Firing {
                self.counters.alerts_fired.add(1);
            }
            log(alert);
            self.notify.tell(alert);
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
