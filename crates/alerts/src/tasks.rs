//! What is wrong with the task queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agentpulse_core::alert::{Rule, Rules};
use agentpulse_queue::{Denied, Queue};
use agentpulse_store::tasks::Since;
use agentpulse_tasks::status::Status;

/// Of a long queue all tasks are counted: not with every evaluation.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// By role or agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tasks {
    /// How many wait.
    pub pending: Vec<(String, i64)>,
    /// How long the oldest one waits.
    pub waiting_ms: Vec<(String, i64)>,
    /// Those that have failed in the window of its rule, and those that were lost.
    pub failed: Vec<(String, i64)>,
    pub lost: Vec<(String, i64)>,
}

/// Looks again from time to time.
pub struct Follower {
    /// None where there is no queue.
    queue: Option<Arc<Queue>>,
    seen: Option<(Instant, Tasks)>,
}

impl Follower {
    pub fn new(queue: Option<Arc<Queue>>) -> Follower {
        Follower { queue, seen: None }
    }

    /// What cannot be read is as it was.
    pub async fn look(&mut self, rules: &Rules, now_ms: i64) -> Tasks {
        let is_due = |(at, _): &(Instant, Tasks)| at.elapsed() >= LOOK_EVERY;
        if let Some(queue) = &self.queue
            && self.seen.as_ref().is_none_or(is_due)
            && let Ok(tasks) = read(queue, rules, now_ms).await
        {
            self.seen = Some((Instant::now(), tasks));
        }
        let seen = self.seen.as_ref().map(|(_, tasks)| tasks.clone());
        seen.unwrap_or_default()
    }
}

async fn read(queue: &Queue, rules: &Rules, now_ms: i64) -> Result<Tasks, Denied> {
    let window_ms = |rule| rules.get(rule).map_or(0, |rule| rule.window_ms);
    let since = Since {
        now_ms,
        failed_ms: now_ms - window_ms(Rule::TaskDead),
        lost_ms: now_ms - window_ms(Rule::LeaseChurn),
    };
    let standing = queue.standing().await?;
    let trouble = queue.trouble(since).await?;
    let pending = standing.counted.iter();
    let pending = pending.filter(|one| one.status == Status::Pending);
    let waiting = trouble.waiting.into_iter();
    Ok(Tasks {
        pending: pending
            .map(|one| (one.assigned_to.clone(), one.count))
            .collect(),
        waiting_ms: waiting
            .map(|(name, since_ms)| (name, now_ms - since_ms))
            .collect(),
        failed: trouble.failed,
        lost: trouble.lost,
    })
}
