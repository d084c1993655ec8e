//! What may be done to a task. Each operation checks first, and changes the task only if it may.

use crate::refusal::Refusal;
use crate::retry;
use crate::status::{BlockedReason, Status};
use crate::task::Task;

/// Given back so often in a row counts as a failure: else a task that nobody wants would go round.
const MAX_RELEASED: u32 = 3;

/// How an attempt failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    pub error_type: Option<String>,
    pub message: Option<String>,
    /// It is not tried again.
    pub is_final: bool,
    /// When it is tried again; None: by the rule.
    pub retry_in_ms: Option<i64>,
}

/// How a worker lost a task without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Its lease ended.
    Lease,
    /// The whole attempt took too long.
    Timeout,
    /// The execution that held it has ended.
    Abandoned,
}

impl Loss {
    pub fn error_type(self) -> &'static str {
        match self {
            Loss::Lease => "lease_lost",
            Loss::Timeout => "timeout",
            Loss::Abandoned => "abandoned",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Loss::Lease => "its worker was silent for longer than the lease",
            Loss::Timeout => "the attempt took longer than its time-out",
            Loss::Abandoned => "the execution that held it ended without a word",
        }
    }
}

/// Who takes a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub number: i64,
    pub worker: String,
    pub agent_name: Option<String>,
    /// None: as the task has it.
    pub lease_ms: Option<i64>,
}

impl Task {
    /// # Errors
    /// It does not wait for a worker, or not yet.
    pub fn claim(&mut self, claim: Claim, now_ms: i64) -> Result<(), Refusal> {
        if self.status != Status::Pending || self.not_before_ms > now_ms {
            return Err(self.wrong("only one that waits can be claimed"));
        }
        self.status = Status::Running;
        self.started_ms.get_or_insert(now_ms);
        self.claim = Some(claim.number);
        self.worker = Some(claim.worker);
        self.agent_name = claim.agent_name;
        self.held_ms = claim.lease_ms;
        // Its time has come, also if the clock is set back.
        self.not_before_ms = 0;
        self.progress = None;
        Ok(())
    }

    /// # Errors
    /// Another claim came, or the task is not held.
    pub fn check_held(&self, claim: i64) -> Result<(), Refusal> {
        match self.status {
            Status::Running if self.claim == Some(claim) => Ok(()),
            _ if self.status.is_ended() => Err(self.ended()),
            _ => Err(self.lost()),
        }
    }

    /// # Errors
    /// The task is not held by this claim.
    pub fn beat(
        &mut self,
        claim: i64,
        progress: Option<f64>,
        lease_ms: Option<i64>,
    ) -> Result<(), Refusal> {
        self.check_held(claim)?;
        self.progress = progress.or(self.progress);
        // Also after a start of the daemon it has no less than it was promised.
        if lease_ms.is_some_and(|lease_ms| lease_ms > self.lease_of_attempt_ms()) {
            self.held_ms = lease_ms;
        }
        Ok(())
    }

    /// Also after its lease has ended, as long as nobody has claimed it since: the work is done.
    ///
    /// # Errors
    /// Another claim came, or the task has ended.
    pub fn complete(
        &mut self,
        claim: i64,
        result: Option<String>,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let is_late = self.status == Status::Pending && self.claim == Some(claim);
        if !is_late {
            self.check_held(claim)?;
        }
        self.end(Status::Completed, now_ms);
        (self.error_type, self.error_message) = (None, None);
        self.result = result;
        self.progress = Some(1.0);
        Ok(())
    }

    /// # Errors
    /// The task is not held by this claim.
    pub fn fail(
        &mut self,
        claim: i64,
        failure: Failure,
        now_ms: i64,
        chance: f64,
    ) -> Result<(), Refusal> {
        self.check_held(claim)?;
        self.failed(failure, now_ms, chance);
        Ok(())
    }

    /// # Errors
    /// Nobody holds it.
    pub fn lose(&mut self, loss: Loss, now_ms: i64, chance: f64) -> Result<(), Refusal> {
        if self.status != Status::Running {
            return Err(self.wrong("only one that is held can be lost"));
        }
        let failure = Failure {
            error_type: Some(loss.error_type().to_owned()),
            message: Some(loss.message().to_owned()),
            ..Failure::default()
        };
        self.failed(failure, now_ms, chance);
        Ok(())
    }

    /// It waits for an answer, and no attempt has failed; if it is to be given up, it ends. Returns
    /// whether it waits.
    ///
    /// # Errors
    /// The task is not held by this claim.
    pub fn ask(&mut self, claim: i64, now_ms: i64) -> Result<bool, Refusal> {
        self.check_held(claim)?;
        self.released = 0;
        if self.is_cancel_asked {
            self.end(Status::Cancelled, now_ms);
            return Ok(false);
        }
        self.status = Status::Blocked;
        self.blocked_reason = Some(BlockedReason::Question);
        Ok(true)
    }

    /// Back to those that wait. No attempt has failed, unless it was given back too often, which is
    /// returned.
    ///
    /// # Errors
    /// The task is not held by this claim.
    pub fn release(&mut self, claim: i64, now_ms: i64, chance: f64) -> Result<bool, Refusal> {
        self.check_held(claim)?;
        self.released += 1;
        if self.released < MAX_RELEASED {
            self.wait(now_ms);
            return Ok(false);
        }
        let failure = Failure {
            error_type: Some("released".to_owned()),
            message: Some(format!("it was given back {MAX_RELEASED} times in a row")),
            ..Failure::default()
        };
        self.failed(failure, now_ms, chance);
        Ok(true)
    }

    /// One that is held is asked for: its worker learns of it, or its lease ends. Returns whether
    /// it has ended.
    ///
    /// # Errors
    /// It has ended already.
    pub fn cancel(&mut self, now_ms: i64) -> Result<bool, Refusal> {
        if self.status.is_ended() {
            return Err(self.ended());
        }
        if self.status == Status::Running {
            self.is_cancel_asked = true;
            return Ok(false);
        }
        self.end(Status::Cancelled, now_ms);
        Ok(true)
    }

    /// What it waited for is there.
    ///
    /// # Errors
    /// It is not blocked.
    pub fn unblock(&mut self, now_ms: i64) -> Result<(), Refusal> {
        if self.status != Status::Blocked {
            return Err(self.wrong("only a blocked one can be unblocked"));
        }
        self.wait(now_ms);
        Ok(())
    }

    /// It is new, and waits for other tasks.
    pub fn wait_for_needs(&mut self, reason: BlockedReason) {
        self.status = Status::Blocked;
        self.blocked_reason = Some(reason);
    }

    pub fn waits_for_needs(&self) -> bool {
        let needs = [BlockedReason::Dependency, BlockedReason::DependencyFailed];
        self.status == Status::Blocked
            && self
                .blocked_reason
                .is_some_and(|reason| needs.contains(&reason))
    }

    /// A task that it waits for has failed or was cancelled.
    pub fn need_failed(&mut self, need: i64, now_ms: i64) {
        if !self.waits_for_needs() {
            return;
        }
        self.blocked_reason = Some(BlockedReason::DependencyFailed);
        if self.fails_with_needs {
            self.end(Status::Failed, now_ms);
            self.error_type = Some("dependency_failed".to_owned());
            self.error_message = Some(format!("task {need} was not completed"));
        }
    }

    /// A person has it tried once more.
    ///
    /// # Errors
    /// It has not failed.
    pub fn retry(&mut self, now_ms: i64) -> Result<(), Refusal> {
        if self.status != Status::Failed {
            return Err(self.wrong("only one that has failed can be tried again"));
        }
        // The attempt after this one is the last.
        self.max_retries = self.retry_count;
        self.completed_ms = None;
        self.is_cancel_asked = false;
        self.wait(now_ms);
        Ok(())
    }

    fn failed(&mut self, failure: Failure, now_ms: i64, chance: f64) {
        self.error_type = failure.error_type;
        self.error_message = failure.message;
        self.released = 0;
        if self.is_cancel_asked {
            return self.end(Status::Cancelled, now_ms);
        }
        if failure.is_final || self.retry_count >= self.max_retries {
            return self.end(Status::Failed, now_ms);
        }
        self.retry_count += 1;
        self.wait(now_ms);
        let wait_ms = failure.retry_in_ms;
        let wait_ms = wait_ms.unwrap_or_else(|| retry::wait_ms(self.retry_count, chance));
        self.not_before_ms = now_ms.saturating_add(wait_ms);
        self.ready_ms = self.not_before_ms;
    }

    fn wait(&mut self, now_ms: i64) {
        if self.is_cancel_asked {
            return self.end(Status::Cancelled, now_ms);
        }
        self.status = Status::Pending;
        (self.blocked_reason, self.question) = (None, None);
        self.ready_ms = now_ms.max(self.not_before_ms);
    }

    fn end(&mut self, status: Status, now_ms: i64) {
        self.status = status;
        (self.blocked_reason, self.question) = (None, None);
        self.completed_ms = Some(now_ms);
    }

    fn ended(&self) -> Refusal {
        Refusal::AlreadyEnded {
            id: self.id,
            status: self.status.word(),
        }
    }

    fn lost(&self) -> Refusal {
        let (id, status) = (self.id, self.status.word());
        Refusal::LeaseLost(match (&self.worker, self.status) {
            (Some(worker), Status::Running) => format!("{worker} holds task {id} now"),
            _ => format!("task {id} is {status}"),
        })
    }

    fn wrong(&self, needed: &'static str) -> Refusal {
        Refusal::WrongStatus {
            id: self.id,
            status: self.status.word(),
            needed,
        }
    }
}
