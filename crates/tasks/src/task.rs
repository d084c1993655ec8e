//! A task.

use crate::status::{BlockedReason, Status};

#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub id: i64,
    pub task_type: String,
    /// A role, or an agent.
    pub assigned_to: String,
    pub created_by: Option<String>,
    pub status: Status,
    pub priority: u8,
    /// JSON.
    pub context: Option<String>,
    /// JSON.
    pub result: Option<String>,
    pub parent: Option<i64>,
    /// The first of its chain: itself if it has no parent.
    pub root: i64,
    pub depth: u32,
    /// See [`order`](crate::order).
    pub rank: i64,
    pub created_ms: i64,
    /// Of the first attempt.
    pub started_ms: Option<i64>,
    /// When it ended.
    pub completed_ms: Option<i64>,
    pub not_before_ms: i64,
    /// Since when it may be taken, or will be.
    pub ready_ms: i64,
    /// Attempts that failed.
    pub retry_count: u32,
    pub max_retries: u32,
    /// Given back one after the other.
    pub released: u32,
    pub error_message: Option<String>,
    pub error_type: Option<String>,
    pub blocked_reason: Option<BlockedReason>,
    /// It ends too if a task fails that it waits for.
    pub fails_with_needs: bool,
    /// No other task has it that is not ended.
    pub unique_key: Option<String>,
    pub is_cancel_asked: bool,
    /// Who holds it, or held it last.
    pub worker: Option<String>,
    pub agent_name: Option<String>,
    /// The last claim.
    pub claim: Option<i64>,
    /// How long its worker may be silent.
    pub lease_ms: i64,
    /// The same of the last attempt, if its worker asked for another lease.
    pub held_ms: Option<i64>,
    /// Of a whole attempt; None: no bound.
    pub timeout_ms: Option<i64>,
    /// 0..1, of this attempt.
    pub progress: Option<f64>,
    /// The message whose answer it waits for.
    pub question: Option<i64>,
}

impl Task {
    /// The lease of this attempt.
    pub fn lease_of_attempt_ms(&self) -> i64 {
        self.held_ms.unwrap_or(self.lease_ms)
    }
}
