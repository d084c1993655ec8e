//! One operation on the tables, and what follows once it is on the disk.

use std::time::{Duration, Instant};

use agentpulse_store::tasks::{Kind, Tables, Unapplied};
use agentpulse_tasks::link::Link;
use agentpulse_tasks::refusal::Refusal;
use agentpulse_tasks::status::Status;
use agentpulse_tasks::task::Task;
use agentpulse_tasks::token::Token;

use crate::leases::{Begin, Leases};
use crate::tally::Tally;
use agentpulse_tasks::settings::Settings;

pub type Applied<T> = Result<T, Unapplied>;

/// What an operation works with.
pub struct Operation<'o> {
    pub tables: &'o Tables<'o>,
    pub settings: &'o Settings,
    pub now_ms: i64,
    pub(crate) leases: &'o Leases,
    pub(crate) now: Instant,
    /// Tasks that were not ended before this operation.
    pub(crate) open: usize,
    pub(crate) effects: Effects,
    /// Tasks that ended, of which others may wait.
    pub(crate) unsettled: Vec<(i64, Status)>,
}

/// What follows once an operation is on the disk.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Of each task that waits now, to whom it is assigned, and its type.
    pub woken: Vec<(String, String)>,
    pub leases: Vec<LeaseChange>,
    pub opened: usize,
    pub ended: usize,
    pub tally: Tally,
}

#[derive(Debug)]
pub(crate) enum LeaseChange {
    Begin(Begin),
    Renew {
        task: i64,
        lease_ms: i64,
    },
    End(i64),
    /// An execution works on it.
    Link {
        task: i64,
        claim: i64,
        link: Link,
    },
}

impl Effects {
    pub fn add(&mut self, other: Effects) {
        self.woken.extend(other.woken);
        self.leases.extend(other.leases);
        self.opened += other.opened;
        self.ended += other.ended;
        self.tally.add(other.tally);
    }
}

impl Operation<'_> {
    /// # Errors
    /// There is none.
    pub fn task(&self, id: i64) -> Applied<Task> {
        let found = self.tables.task(id)?;
        Ok(found.ok_or(Refusal::UnknownTask(id))?)
    }

    /// The claim of a token.
    ///
    /// # Errors
    /// It is of another database, or of one that was restored.
    pub fn claim_of(&self, token: &Token) -> Applied<i64> {
        if token.epoch == self.tables.epoch {
            return Ok(token.claim);
        }
        let message = "the token is of before the queue was restored".to_owned();
        Err(Refusal::LeaseLost(message).into())
    }

    pub fn token(&self, claim: i64) -> Token {
        Token {
            epoch: self.tables.epoch.to_owned(),
            claim,
        }
    }

    /// An execution works on what is held by this claim.
    pub fn link(&mut self, task: i64, claim: i64, link: Link) -> Applied<()> {
        if self.tables.add_link(claim, &link)? {
            let linked = LeaseChange::Link { task, claim, link };
            self.effects.leases.push(linked);
        }
        Ok(())
    }

    /// Its worker has spoken. Returns how long it may be silent from now on.
    pub fn renewed(&mut self, task: &Task) -> Duration {
        self.effects.leases.push(LeaseChange::Renew {
            task: task.id,
            lease_ms: task.lease_of_attempt_ms(),
        });
        self.leases.left(task, self.now)
    }

    /// Writes a task that has changed, and what happened; what follows of its new status is done.
    pub fn changed(
        &mut self,
        before: Status,
        task: &Task,
        kind: Kind,
        who: Option<&str>,
    ) -> Applied<()> {
        self.effects.tally.count(kind, task.status);
        self.tables.update(task)?;
        self.tables.add_event(kind, task, who, self.now_ms)?;
        if before == Status::Running && task.status != Status::Running {
            self.effects.leases.push(LeaseChange::End(task.id));
            if let Some(claim) = task.claim {
                let how = ended_how(kind, task);
                self.tables.end_claim(claim, how, self.now_ms)?;
            }
        }
        if task.status == Status::Pending {
            self.waits(task);
        }
        match (before.is_ended(), task.status.is_ended()) {
            (false, true) => {
                self.effects.ended += 1;
                self.unsettled.push((task.id, task.status));
            }
            (true, false) => self.effects.opened += 1,
            _ => {}
        }
        Ok(())
    }

    /// It can be taken: now, or by the timer at its time.
    pub fn waits(&mut self, task: &Task) {
        if task.not_before_ms <= self.now_ms {
            let woken = (task.assigned_to.clone(), task.task_type.clone());
            self.effects.woken.push(woken);
        }
    }

    /// Those that wait for tasks that have ended, and those that wait for these.
    pub(crate) fn settle(&mut self) -> Applied<()> {
        while let Some((ended, status)) = self.unsettled.pop() {
            for id in self.tables.needing(ended)? {
                self.settle_one(id, ended, status)?;
            }
        }
        Ok(())
    }

    /// A task that it waits for has failed or was cancelled.
    pub fn need_failed(&mut self, task: &mut Task, need: i64) -> Applied<()> {
        let before = task.status;
        task.need_failed(need, self.now_ms);
        let kind = match task.status {
            Status::Failed => Kind::Failed,
            _ => Kind::Blocked,
        };
        self.changed(before, task, kind, None)
    }

    fn settle_one(&mut self, id: i64, ended: i64, status: Status) -> Applied<()> {
        let mut task = self.task(id)?;
        if !task.waits_for_needs() {
            return Ok(());
        }
        if status != Status::Completed {
            return self.need_failed(&mut task, ended);
        }
        if self.tables.missing_needs(id)?.is_empty() {
            task.unblock(self.now_ms)?;
            self.changed(Status::Blocked, &task, Kind::Requeued, None)?;
        }
        Ok(())
    }
}

/// Of an attempt.
fn ended_how(kind: Kind, task: &Task) -> &str {
    match kind {
        Kind::Failed => task.error_type.as_deref().unwrap_or("failed"),
        Kind::Requeued => "released",
        _ => task.status.word(),
    }
}
