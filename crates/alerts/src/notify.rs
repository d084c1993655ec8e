//! Sends alerts to webhooks. Each webhook has a queue and a task of its own: one that hangs delays
//! no other, and an alert that it does not take is dropped and counted.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Uri;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::post::{HttpClient, Outcome};
use agentpulse_core::alert::{Alert, Severity, State};
use agentpulse_pipeline::counters::Counters;

/// Alerts that may wait for one webhook.
const MAX_QUEUED: usize = 64;
/// For one attempt, from the connection to the answer's status.
const DEADLINE: Duration = Duration::from_secs(5);
/// After the first and the second failed attempt; the third is the last.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `{"kind":"alert","alert":{…}}`, as in the stream.
    Json,
    /// `{"text":…}`, which Slack and those that take its hooks show.
    Slack,
}

#[derive(Clone, PartialEq)]
pub struct Webhook {
    /// Of `http` or `https`, with a host. It may hold a secret.
    pub url: Uri,
    pub format: Format,
    pub severities: Vec<Severity>,
}

/// The queues of all webhooks.
pub struct Notify {
    queues: Vec<(Webhook, mpsc::Sender<Arc<Alert>>)>,
    counters: Arc<Counters>,
}

impl Notify {
    /// Starts a task a webhook; `stop` ends them, whatever still waits.
    pub fn start(
        webhooks: Vec<Webhook>,
        counters: &Arc<Counters>,
        tasks: &mut JoinSet<()>,
        stop: &watch::Receiver<bool>,
    ) -> Notify {
        let client = Arc::new(HttpClient::default());
        let queues = webhooks.into_iter().map(|webhook| {
            let (sender, queue) = mpsc::channel(MAX_QUEUED);
            let worker = WebhookWorker {
                webhook: webhook.clone(),
                client: client.clone(),
                counters: counters.clone(),
            };
            let mut stop = stop.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = worker.run(queue) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            });
            (webhook, sender)
        });
        Notify {
            queues: queues.collect(),
            counters: counters.clone(),
        }
    }

    /// Never waits.
    pub fn send(&self, alert: &Arc<Alert>) {
        for (webhook, queue) in &self.queues {
            if webhook.severities.contains(&alert.severity)
                && queue.try_send(alert.clone()).is_err()
            {
                self.counters.webhooks_dropped.add(1);
            }
        }
    }
}

struct WebhookWorker {
    webhook: Webhook,
    client: Arc<HttpClient>,
    counters: Arc<Counters>,
}

impl WebhookWorker {
    async fn run(self, mut queue: mpsc::Receiver<Arc<Alert>>) {
        while let Some(alert) = queue.recv().await {
            match self.deliver(&alert).await {
                Ok(()) => self.counters.webhooks_sent.add(1),
                Err(reason) => {
                    self.counters.webhooks_failed.add(1);
                    let host = self.webhook.url.host();
                    warn!(
                        host,
                        reason,
                        alert = alert.rule.name(),
                        "a webhook could not be called"
                    );
                }
            }
        }
    }

    /// The reason is that of the last attempt.
    async fn deliver(&self, alert: &Alert) -> Result<(), String> {
        let body = body(self.webhook.format, alert);
        let mut pauses = PAUSES.into_iter();
        loop {
            let post = self.client.post(&self.webhook.url, body.clone());
            let reason = match timeout(DEADLINE, post).await {
                Ok(Outcome::Taken) => return Ok(()),
                Ok(Outcome::Refused(reason)) => return Err(reason),
                Ok(Outcome::Failed(reason)) => reason,
                Err(_) => format!("no answer within {} s", DEADLINE.as_secs()),
            };
            match pauses.next() {
                Some(pause) => sleep(pause).await,
                None => return Err(reason),
            }
        }
    }
}

fn body(format: Format, alert: &Alert) -> Bytes {
    let body = match format {
        Format::Json => json!({"kind": "alert", "alert": alert}),
        Format::Slack => json!({"text": slack_text(alert)}),
    };
    body.to_string().into()
}

fn slack_text(alert: &Alert) -> String {
    let sign = match (alert.state, alert.severity) {
        (State::Resolved, _) => ":white_check_mark: resolved",
        (_, Severity::Critical) => ":rotating_light: critical",
        (_, Severity::Warning) => ":warning: warning",
        (_, Severity::Info) => ":information_source: info",
    };
    // The three that Slack reads as markup, in a name that an agent gave itself.
    let message = alert.message.replace('&', "&amp;");
    let message = message.replace('<', "&lt;").replace('>', "&gt;");
    format!("{sign}: agentpulse {}: {message}", alert.rule.name())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::store::tests::alert;
    use super::*;
    use agentpulse_core::alert::Rule;

    fn body_of(format: Format, alert: &Alert) -> Value {
        serde_json::from_slice(&body(format, alert)).unwrap()
    }

    #[test]
    fn the_body_has_the_format_of_the_webhook() {
        let mut firing = alert(Rule::SuccessRate, Severity::Critical, State::Firing, 500);
        Arc::make_mut(&mut firing).message = "<a> & b failed".to_owned();
        let expect = json!({"kind": "alert", "alert": {
            "id": "success_rate-500", "rule": "success_rate", "severity": "critical",
            "state": "firing", "since": "1970-01-01T00:00:00.500Z",
            "fired_at": "1970-01-01T00:00:01.500Z", "resolved_at": null, "value": 40.0,
            "threshold": 80.0, "unit": "percent", "message": "<a> & b failed", "subject": null,
        }});
        assert_eq!(body_of(Format::Json, &firing), expect);
        let expect = ":rotating_light: critical: agentpulse success_rate: \
                      &lt;a&gt; &amp; b failed";
        assert_eq!(body_of(Format::Slack, &firing), json!({"text": expect}));
        let resolved = alert(Rule::Disk, Severity::Warning, State::Resolved, 500);
        let text = body_of(Format::Slack, &resolved);
        assert!(
            text["text"]
                .as_str()
                .unwrap()
                .starts_with(":white_check_mark: resolved")
        );
    }
}
