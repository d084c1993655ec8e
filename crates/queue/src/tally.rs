//! What is counted once it is on the disk.

use agentpulse_pipeline::counters::Counters;
use agentpulse_store::tasks::Kind;
use agentpulse_tasks::status::Status;

#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub created: u64,
    pub lost: u64,
    claimed: u64,
    completed: u64,
    failed: u64,
    retried: u64,
    cancelled: u64,
}

impl Tally {
    /// `status` is that of the task afterwards.
    pub fn count(&mut self, kind: Kind, status: Status) {
        let count = match (kind, status) {
            (Kind::Claimed, _) => &mut self.claimed,
            (Kind::Completed, _) => &mut self.completed,
            (Kind::Failed, Status::Failed) => &mut self.failed,
            (Kind::Failed, _) => &mut self.retried,
            (Kind::Cancelled, _) => &mut self.cancelled,
            _ => return,
        };
        *count += 1;
    }

    pub fn add(&mut self, other: Tally) {
        self.created += other.created;
        self.lost += other.lost;
        self.claimed += other.claimed;
        self.completed += other.completed;
        self.failed += other.failed;
        self.retried += other.retried;
        self.cancelled += other.cancelled;
    }

    pub fn add_to(self, counters: &Counters) {
        counters.tasks_created.add(self.created);
        counters.task_leases_lost.add(self.lost);
        counters.task_claims.add(self.claimed);
        counters.tasks_completed.add(self.completed);
        counters.tasks_failed.add(self.failed);
        counters.task_retries.add(self.retried);
        counters.tasks_cancelled.add(self.cancelled);
    }
}
