//! Wires the alerts: their inputs and their webhooks.

use super::context::Context;
use super::failure::Failure;
use super::stores::Stores;
use super::tasks::Tasks;
use agentpulse_alerts::notify::{Format, Notify, Webhook};
use agentpulse_alerts::{Alerting, Collector, Followed};
use agentpulse_config::{self as config, WebhookFormat};
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::recent_outcomes::{ENDS_KEPT_MS, MAX_ENDS, RecentOutcomes, SUMS_KEPT_MS};

/// Ends of the last hour that are read back: those of a busy hour in a blink. After a busier one
/// the sums begin later, and are complete again after an hour.
const MAX_RESTORED: usize = 20_000;
/// Agents that failed lately whose last ends are read back.
const MAX_FAILING: usize = 200;

/// Reads back what ended before the daemon started, so that alerts that fired fire again.
pub fn restore(stores: &Stores, ends: &RecentOutcomes) -> Result<(), Failure> {
    let (history, now_ms) = (&stores.lookup, now_ms());
    let last = history.ended_since(now_ms - SUMS_KEPT_MS, MAX_RESTORED)?;
    for ended in &last {
        ends.restore_sum(ended);
        ends.restore_end(ended);
    }
    let failing = history.ended_of_failing(now_ms - ENDS_KEPT_MS, MAX_FAILING, MAX_ENDS)?;
    failing.iter().for_each(|ended| ends.restore_end(ended));
    stores.each_unflushed(|changes| ends.take(changes))
}

pub fn start(context: &Context, tasks: &mut Tasks) {
    let parts = &context.parts;
    let webhooks = context
        .site
        .config
        .alerts
        .webhooks
        .iter()
        .map(webhook)
        .collect();
    let collector = Collector::new(
        Followed {
            changes: parts.changes.clone(),
            state: parts.state.clone(),
            settings: parts.settings.clone(),
            reloaded: context.reloaded.clone(),
            definitions: context.reports.definitions().handle.clone(),
            queue: context.queue.clone(),
        },
        context.system.clone(),
        context.live().clone(),
        context.lanes.own.clone(),
    );
    let stop = tasks.stopped();
    let alerting = Alerting {
        settings: parts.settings.clone(),
        collector,
        store: parts.alerts.clone(),
        notify: Notify::start(webhooks, &parts.counters, &mut tasks.set, &stop),
        counters: parts.counters.clone(),
    };
    tasks.spawn(|stop| alerting.run(stop));
}

fn webhook(set: &config::Webhook) -> Webhook {
    Webhook {
        url: set.url.clone(),
        format: match set.format {
            WebhookFormat::Json => Format::Json,
            WebhookFormat::Slack => Format::Slack,
        },
        severities: set.severities.clone(),
    }
}
