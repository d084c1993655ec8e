//! Collects the inputs of the rules: from memory, a few rows of rollups, and one query each to
//! Redis and to the disk. Nothing here reads all executions, and nothing waits for long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tracing::debug;

use super::baseline::{UsualDurations, UsualTokens, read_durations};
use super::definitions::Follower;
use super::inputs::{AgentDuration, Hung, Inputs, Requests, Spent};
use super::rules::MIN_EXECUTIONS;
use super::tasks;
use agentpulse_core::alert::{Rule, Rules};
use agentpulse_core::bucket::HOUR_MS;
use agentpulse_live::Live;
use agentpulse_pipeline::changes::{Changes, View};
use agentpulse_pipeline::live_state::{Condition, LiveState};
use agentpulse_pipeline::recent_outcomes::{ENDS_KEPT_MS, MAX_ENDS, Mean};
use agentpulse_pipeline::reload::ReloadState;
use agentpulse_pipeline::settings::SettingsWatch;
use agentpulse_queue::Queue;
use agentpulse_registry::Handle;
use agentpulse_reports::requests::Latency;
use agentpulse_reports::system::System;
use agentpulse_store::history::{Error, Reader, Readers};

/// An input that takes longer is unknown until the next evaluation.
const WAIT: Duration = Duration::from_secs(1);
/// Baselines that are read per evaluation; the others come with the next.
const MAX_BASELINES_READ: usize = 50;
/// Agents whose last ends are read again per evaluation.
const MAX_REFILLED: usize = 50;
/// Agents of hung executions that a message names.
const MAX_NAMED: usize = 5;
/// Characters of the reason of a refused reload, which every reader can see.
const MAX_REASON_CHARS: usize = 500;
/// A running agent with less time left is near its deadline, but only in the last fifth of its
/// timeout.
const NEAR_MS: i64 = 60_000;

/// What is read from memory.
pub struct Followed {
    pub changes: Arc<Changes>,
    pub state: Arc<LiveState>,
    pub settings: SettingsWatch,
    pub reloaded: Arc<ReloadState>,
    pub definitions: Handle,
    /// None where there is none.
    pub queue: Option<Arc<Queue>>,
}

pub struct Collector {
    followed: Followed,
    system: Arc<System>,
    live: Live,
    readers: Readers,
    usual_tokens: Option<UsualTokens>,
    usual_durations: UsualDurations,
    latencies: Latencies,
    definitions: Follower,
    tasks: tasks::Follower,
}

impl Collector {
    pub fn new(followed: Followed, system: Arc<System>, live: Live, readers: Readers) -> Collector {
        Collector {
            definitions: Follower::new(followed.definitions.clone()),
            tasks: tasks::Follower::new(followed.queue.clone()),
            followed,
            system,
            live,
            readers,
            usual_tokens: None,
            usual_durations: UsualDurations::default(),
            latencies: Latencies::default(),
        }
    }

    pub async fn inputs(&mut self, rules: &Rules, now_ms: i64) -> Inputs {
        let window_ms = |rule| rules.get(rule).map_or(0, |rule| rule.window_ms);
        self.followed.changes.ends.forget(now_ms);
        self.refill(now_ms).await;
        self.read_usual(rules, now_ms).await;
        let (today, running, memory, room) = tokio::join!(
            self.today(now_ms),
            self.running(now_ms),
            self.system.probes.memory(WAIT),
            self.system.probes.room(WAIT),
        );
        let tasks = self.tasks.look(rules, now_ms).await;
        let settings = self.followed.settings.borrow().clone();
        let ends = &self.followed.changes.ends;
        let recent = ends.sums(now_ms, window_ms(Rule::SuccessRate));
        let hung_window_ms = window_ms(Rule::HungAgent);
        let failing = rules.get(Rule::AgentFailing).map(|rule| {
            // With 1 also those that fire and may be about to stop firing.
            ends.failing(now_ms, rule.window_ms, 1)
        });
        let room = room.ok();
        let changes = &self.followed.changes;
        let history_lag_ms = changes.lag_ms(View::History, now_ms);
        let latency_window = Duration::from_millis(window_ms(Rule::ApiLatency) as u64);
        Inputs {
            ended: recent.executions,
            succeeded: recent.successes,
            durations: Some(self.durations(window_ms(Rule::AvgDuration), now_ms)),
            today,
            active: running.map(|(count, _)| count),
            memory: memory.ok().flatten(),
            requests: self.latencies.in_window(
                self.system.requests.latency(),
                latency_window,
                Instant::now(),
            ),
            hour_tokens: ends.sums(now_ms, HOUR_MS).tokens,
            usual_tokens: self
                .usual_tokens
                .as_ref()
                .and_then(|usual| usual.mean(now_ms)),
            live_down: live_down(self.followed.state.condition()),
            live_lag_ms: changes.lag_ms(View::Live, now_ms),
            history_late_ms: (history_lag_ms - self.followed.settings.borrow().flush_interval_ms())
                .max(0),
            hung: Hung {
                reaped: ends.sums(now_ms, hung_window_ms).reaped.max(0) as u64,
                agent_names: ends.reaped(now_ms, hung_window_ms, MAX_NAMED),
                near: running.map_or(0, |(_, near)| near),
            },
            spool_bytes: room
                .as_ref()
                .map(|room| (room.spool_bytes, self.system.facts.spool_max_bytes)),
            disk_free_bytes: room.as_ref().map(|room| room.free_bytes),
            failing: failing.unwrap_or_default(),
            reload_failed: self.followed.reloaded.last().failed.map(cut),
            definitions: self.definitions.look(&settings, now_ms),
            tasks,
        }
    }

    /// Corrections may have left fewer ends of an agent in memory than it had.
    async fn refill(&self, now_ms: i64) {
        let changes = &self.followed.changes;
        let lacking = changes
            .ends
            .lacking(changes.position(View::History), MAX_REFILLED);
        if lacking.is_empty() {
            return;
        }
        let ask = move |reader: &Reader| {
            let last = |(name, seq): (String, u64)| {
                let ended = reader.ended_of(&name, now_ms - ENDS_KEPT_MS, MAX_ENDS)?;
                Ok((name, seq, ended))
            };
            lacking.into_iter().map(last).collect::<Result<Vec<_>, _>>()
        };
        for (name, seq, ended) in self.history(ask).await.unwrap_or_default() {
            changes.ends.refill(&name, seq, &ended);
        }
    }

    async fn today(&self, now_ms: i64) -> Option<Spent> {
        let ask = move |reader: &Reader| {
            let today = reader.zone().day_of(now_ms);
            reader.days(today, today)
        };
        let days = self.history(ask).await?;
        let tally = days.first().map(|row| row.tally).unwrap_or_default();
        Some(Spent {
            tokens: tally.total_tokens,
            cost: tally.cost(),
        })
    }

    /// How many run, and how many of them are near their deadline. History does not know those.
    async fn running(&self, now_ms: i64) -> Option<(u64, u64)> {
        if self.followed.state.readable() {
            let idle_ms = self.followed.settings.borrow().idle_ms();
            let near_ms = NEAR_MS.min(idle_ms / 5);
            let asked = timeout(WAIT, self.live.running(now_ms + near_ms)).await;
            return asked.ok()?.ok();
        }
        let count = self.history(Reader::running_count).await?;
        Some((count, 0))
    }

    async fn read_usual(&mut self, rules: &Rules, now_ms: i64) {
        if let Some(rule) = rules.get(Rule::AvgDuration) {
            let means = self.means(rule.window_ms, now_ms);
            let agents = means.into_iter().map(|mean| mean.agent_name);
            let mut missing = self.usual_durations.missing(agents, now_ms);
            missing.truncate(MAX_BASELINES_READ);
            if !missing.is_empty() {
                let ask = move |reader: &Reader| read_durations(reader, &missing, now_ms);
                let read = self.history(ask).await;
                self.usual_durations.put(read.unwrap_or_default());
            }
        }
        if rules.get(Rule::TokenSpike).is_some()
            && !self
                .usual_tokens
                .as_ref()
                .is_some_and(|usual| usual.is_of(now_ms))
        {
            let ask = move |reader: &Reader| UsualTokens::read(reader, now_ms);
            self.usual_tokens = self.history(ask).await;
        }
    }

    fn means(&self, window_ms: i64, now_ms: i64) -> Vec<Mean> {
        let ends = &self.followed.changes.ends;
        ends.means(now_ms, window_ms, MIN_EXECUTIONS)
    }

    fn durations(&self, window_ms: i64, now_ms: i64) -> Vec<AgentDuration> {
        let means = self.means(window_ms, now_ms).into_iter();
        means
            .map(|mean| AgentDuration {
                baseline_ms: self.usual_durations.get(&mean.agent_name),
                executions: mean.count,
                mean_ms: mean.total_duration_ms as f64 / mean.count as f64,
                agent_name: mean.agent_name,
            })
            .collect()
    }

    async fn history<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, Error> + Send + 'static,
    ) -> Option<T> {
        match timeout(WAIT, self.readers.run(ask)).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                debug!(%error, "history could not be asked for the alerts");
                None
            }
            Err(_) => None,
        }
    }
}

fn live_down(condition: Condition) -> Option<String> {
    let is_down = matches!(condition, Condition::Unreachable(_) | Condition::Broken(_));
    is_down.then(|| format!("the live view is {condition}"))
}

fn cut(reason: String) -> String {
    reason.chars().take(MAX_REASON_CHARS).collect()
}

/// The latency of requests, as it was at each of the last evaluations.
#[derive(Default)]
struct Latencies(VecDeque<(Instant, Latency)>);

impl Latencies {
    /// Of the requests since the oldest sample within the window.
    fn in_window(&mut self, latency: Latency, window: Duration, now: Instant) -> Requests {
        self.0.push_back((now, latency.clone()));
        let is_old = |(at, _): &(Instant, Latency)| now.saturating_duration_since(*at) > window;
        while self.0.len() > 1 && self.0.front().is_some_and(is_old) {
            self.0.pop_front();
        }
        let begin = self.0.front().map(|(_, latency)| latency);
        let since = latency.since(begin.unwrap_or(&latency));
        Requests {
            count: since.count(),
            p99_ms: since.quantile_ms(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_reports::requests;

    #[test]
    fn a_reason_has_an_end() {
        assert_eq!(cut("ä".repeat(600)), "ä".repeat(500));
    }

    #[test]
    fn requests_are_those_of_the_window() {
        let (requests, begin) = (requests::Requests::default(), Instant::now());
        let mut latencies = Latencies::default();
        let mut sample = |s, requests: &requests::Requests| {
            let (window, now) = (Duration::from_secs(300), begin + Duration::from_secs(s));
            latencies.in_window(requests.latency(), window, now)
        };
        requests.observe("/x", 200, Duration::from_secs(3));
        assert_eq!(sample(0, &requests).count, 0);
        requests.observe("/x", 200, Duration::from_secs(3));
        let both = sample(2, &requests);
        assert_eq!((both.count, both.p99_ms > 2_500.0), (1, true));
        requests.observe("/x", 200, Duration::from_millis(1));
        assert_eq!(sample(300, &requests).count, 2);
        let later = sample(302, &requests);
        assert_eq!((later.count, later.p99_ms < 1.0), (1, true));
        assert_eq!(sample(1_000, &requests).count, 0);
    }
}
