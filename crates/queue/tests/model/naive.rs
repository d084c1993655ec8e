//! What docs/tasks.md says of tasks, written down once more: plain, slow, and without the product's
//! types. `said` is what an operation answers; nothing changes if it is refused.

use std::collections::BTreeMap;

use crate::call::{Call, New, Said, Tok};

pub const AGE_STEP_MS: i64 = 600_000;
const DEFAULT_LEASE_MS: i64 = 300_000;
const DEFAULT_RETRIES: i64 = 3;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    pub id: i64,
    pub new: New,
    pub to: String,
    pub priority: u8,
    pub status: &'static str,
    pub reason: Option<&'static str>,
    pub error: Option<String>,
    pub result: Option<String>,
    pub root: i64,
    pub created: i64,
    pub ended: Option<i64>,
    pub started: Option<i64>,
    pub not_before: i64,
    /// The wait after a loss is by chance, between these.
    pub backoff: Option<(i64, i64)>,
    pub retries: i64,
    pub max_retries: i64,
    pub released: i64,
    pub is_cancel_asked: bool,
    pub worker: Option<String>,
    pub agent: Option<String>,
    pub claim: Option<i64>,
    pub progress: Option<f64>,
    /// Of this attempt.
    pub lease: i64,
    pub question: Option<i64>,
    /// On the clock that does not jump.
    pub lease_ends: i64,
    pub times_out: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub to: String,
    pub kind: &'static str,
    pub task: Option<i64>,
    pub read: Option<i64>,
}

/// Kind, task and its status.
pub type Event = (&'static str, Option<i64>, Option<&'static str>);

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub tasks: BTreeMap<i64, Task>,
    /// The task, and how it ended.
    pub claims: BTreeMap<i64, (i64, Option<String>)>,
    pub messages: BTreeMap<i64, Message>,
    /// Since the last step.
    pub events: Vec<Event>,
    pub generation: usize,
    pub mono: i64,
    pub wall: i64,
}

pub type Refused = &'static str;

pub fn is_open(status: &str) -> bool {
    ["pending", "running", "blocked"].contains(&status)
}

impl Task {
    fn rank(&self) -> i64 {
        self.created - i64::from(self.priority) * AGE_STEP_MS
    }

    pub fn waits_for_needs(&self) -> bool {
        self.status == "blocked" && self.reason != Some("question")
    }

    pub fn held(&self, claim: i64) -> Result<(), Refused> {
        match self.status {
            "running" if self.claim == Some(claim) => Ok(()),
            status if is_open(status) => Err("lease_lost"),
            _ => Err("already_ended"),
        }
    }
}

impl Model {
    /// What a call answers and does; a refused one does nothing.
    pub fn call(&mut self, call: &Call) -> Result<Said, Refused> {
        let mut next = self.clone();
        let said = next.apply(call)?;
        *self = next;
        Ok(said)
    }

    fn apply(&mut self, call: &Call) -> Result<Said, Refused> {
        match call.clone() {
            Call::Create(new) => self.create(new).map(|(id, is_new)| Said::Made(id, is_new)),
            Call::Claim(asked) => {
                let claimed = self.claim(
                    asked.worker,
                    asked.agent,
                    asked.max,
                    |task| {
                        asked.to.contains(&task.to)
                            && (asked.types.is_empty() || asked.types.contains(&task.new.of_type))
                    },
                    asked.lease,
                );
                Ok(Said::Claimed(claimed))
            }
            Call::Beat(tok, progress, extend) => {
                let mono = self.mono;
                let task = self.held(&tok)?;
                task.progress = progress.or(task.progress);
                task.lease = extend.unwrap_or(0).max(task.lease);
                task.lease_ends = task.lease_ends.max(mono + task.lease);
                let left = task.lease_ends.min(task.times_out) - mono;
                let (is_cancel, to, agent) =
                    (task.is_cancel_asked, task.to.clone(), task.agent.clone());
                if progress.is_some() {
                    self.happened("task_progress", tok.task);
                }
                let names = [Some(to), agent];
                let unread = self
                    .messages
                    .values()
                    .filter(|message| message.read.is_none());
                let names = names.iter().flatten();
                let unread = unread.flat_map(|m| names.clone().filter(|name| **name == m.to));
                Ok(Said::Beat(left, is_cancel, unread.count()))
            }
            Call::Complete(tok, result, handoff) => self.complete(&tok, result, handoff),
            Call::Fail(tok, error, is_final, retry_in) => {
                self.held(&tok)?;
                self.failed(tok.task, error, is_final, retry_in, false);
                Ok(Said::Done)
            }
            Call::Release(tok) => {
                let task = self.held(&tok)?;
                task.released += 1;
                if task.released >= 3 {
                    self.failed(tok.task, Some("released".to_owned()), false, None, false);
                } else if task.is_cancel_asked {
                    self.end_attempt(tok.task, "cancelled", None, "task_cancelled", "cancelled");
                } else {
                    self.end_attempt(tok.task, "pending", None, "task_requeued", "released");
                }
                Ok(Said::Done)
            }
            Call::Block(tok, to) => {
                let task = self.held(&tok)?;
                task.released = 0;
                if task.is_cancel_asked {
                    self.end_attempt(tok.task, "cancelled", None, "task_cancelled", "cancelled");
                    return Ok(Said::Question(None));
                }
                let why = Some("question");
                self.end_attempt(tok.task, "blocked", why, "task_blocked", "blocked");
                let question = self.send(to, "question", Some(tok.task));
                self.tasks.get_mut(&tok.task).unwrap().question = Some(question);
                Ok(Said::Question(Some(question)))
            }
            Call::Log(tok) => self.held(&tok).map(|_| Said::Done),
            Call::Send {
                to,
                kind,
                task,
                reply_to,
            } => self.sent(to, kind, task, reply_to),
            Call::Read(id) => {
                let wall = self.wall;
                let message = self.messages.get_mut(&id).ok_or("unknown_message")?;
                message.read.get_or_insert(wall);
                Ok(Said::Done)
            }
            Call::Unblock(id) => match self.task(id)?.status {
                "blocked" => {
                    self.set(id, "pending", None, "task_requeued");
                    Ok(Said::Done)
                }
                _ => Err("wrong_status"),
            },
            Call::Cancel(id, cascades) => self.cancel(id, cascades),
            Call::Retry(id) => self.retry(id),
            Call::Change(id, priority, to, not_before) => {
                let task = self.task(id)?;
                if task.status != "pending" {
                    return Err("wrong_status");
                }
                task.priority = priority.unwrap_or(task.priority);
                task.to = to.unwrap_or(task.to.clone());
                task.not_before = not_before.unwrap_or(task.not_before);
                self.happened("task_changed", id);
                Ok(Said::Done)
            }
        }
    }

    fn task(&mut self, id: i64) -> Result<&mut Task, Refused> {
        self.tasks.get_mut(&id).ok_or("unknown_task")
    }

    /// The task that a token holds.
    fn held(&mut self, tok: &Tok) -> Result<&mut Task, Refused> {
        if tok.generation != self.generation {
            return Err("lease_lost");
        }
        let task = self.task(tok.task)?;
        task.held(tok.claim)?;
        Ok(task)
    }

    pub fn happened(&mut self, kind: &'static str, id: i64) {
        let status = self.tasks[&id].status;
        self.events.push((kind, Some(id), Some(status)));
    }

    pub fn set(
        &mut self,
        id: i64,
        status: &'static str,
        why: Option<&'static str>,
        kind: &'static str,
    ) {
        let wall = self.wall;
        let task = self.tasks.get_mut(&id).unwrap();
        (task.status, task.reason, task.question) = (status, why, None);
        task.ended = (!is_open(status)).then_some(wall);
        self.happened(kind, id);
        if !is_open(status) {
            self.settle(id);
        }
    }

    pub fn end_attempt(
        &mut self,
        id: i64,
        status: &'static str,
        why: Option<&'static str>,
        kind: &'static str,
        how: &str,
    ) {
        let claim = self.tasks[&id].claim.unwrap();
        self.claims.get_mut(&claim).unwrap().1 = Some(how.to_owned());
        self.set(id, status, why, kind);
    }

    pub fn failed(
        &mut self,
        id: i64,
        error: Option<String>,
        is_final: bool,
        wait: Option<i64>,
        is_lost: bool,
    ) {
        let wall = self.wall;
        let task = self.tasks.get_mut(&id).unwrap();
        (task.error, task.released) = (error.clone(), 0);
        if task.is_cancel_asked {
            return self.end_attempt(id, "cancelled", None, "task_cancelled", "cancelled");
        }
        let how = error.unwrap_or_else(|| "failed".to_owned());
        if is_final || task.retries >= task.max_retries {
            return self.end_attempt(id, "failed", None, "task_failed", &how);
        }
        task.retries += 1;
        let all = (30_000_i64 << (task.retries - 1).min(5)).min(900_000);
        // Half of it is by chance; what workers ask has the middle of it.
        task.not_before = wall + wait.unwrap_or(all * 3 / 4);
        task.backoff = is_lost.then_some((wall + all / 2, wall + all));
        self.end_attempt(id, "pending", None, "task_failed", &how);
    }

    fn is_completed(&self, id: &i64) -> bool {
        self.tasks[id].status == "completed"
    }

    /// Why a task waits for others; None: it does not.
    pub fn missing(&self, id: i64) -> Option<&'static str> {
        let needs = self.tasks[&id].new.needs.iter();
        let missing: Vec<&i64> = needs.filter(|need| !self.is_completed(need)).collect();
        let is_lost = |need: &&i64| !is_open(self.tasks[*need].status);
        match missing.iter().any(is_lost) {
            true => Some("dependency_failed"),
            false if missing.is_empty() => None,
            false => Some("dependency"),
        }
    }

    /// Those that wait for a task that has ended.
    pub fn settle(&mut self, ended: i64) {
        let ids: Vec<i64> = self.tasks.keys().copied().collect();
        for id in ids {
            if self.tasks[&id].waits_for_needs() && self.tasks[&id].new.needs.contains(&ended) {
                match self.is_completed(&ended) {
                    true if self.missing(id).is_none() => {
                        self.set(id, "pending", None, "task_requeued");
                    }
                    true => {}
                    false => self.need_failed(id),
                }
            }
        }
    }

    fn need_failed(&mut self, id: i64) {
        if self.tasks[&id].new.fails_with_needs {
            self.tasks.get_mut(&id).unwrap().error = Some("dependency_failed".to_owned());
            return self.set(id, "failed", None, "task_failed");
        }
        self.set(id, "blocked", Some("dependency_failed"), "task_blocked");
    }

    pub fn create(&mut self, new: New) -> Result<(i64, bool), Refused> {
        let same = |task: &&Task| is_open(task.status) && task.new.key == new.key;
        if new.key.is_some()
            && let Some(task) = self.tasks.values().find(same)
        {
            return Ok((task.id, false));
        }
        let id = self.tasks.len() as i64 + 1;
        let root = match new.parent {
            Some(parent) => self.task(parent)?.root,
            None => id,
        };
        for need in &new.needs {
            self.task(*need)?;
        }
        let task = Task {
            id,
            to: new.to.clone(),
            priority: new.priority,
            status: "pending",
            root,
            created: self.wall,
            not_before: new.not_before.unwrap_or(0),
            max_retries: new.max_retries.unwrap_or(DEFAULT_RETRIES),
            lease: new.lease.unwrap_or(DEFAULT_LEASE_MS),
            new,
            ..Task::default()
        };
        self.tasks.insert(id, task);
        let missing = self.missing(id);
        let task = self.tasks.get_mut(&id).unwrap();
        if missing.is_some() {
            (task.status, task.reason) = ("blocked", Some("dependency"));
        }
        self.happened("task_created", id);
        if missing == Some("dependency_failed") {
            self.need_failed(id);
        }
        Ok((id, true))
    }

    fn claim(
        &mut self,
        worker: String,
        agent: Option<String>,
        max: usize,
        takes: impl Fn(&Task) -> bool,
        lease: Option<i64>,
    ) -> Option<(i64, i64, i64)> {
        let (mono, wall) = (self.mono, self.wall);
        let is_own =
            |task: &&mut Task| task.status == "running" && task.worker.as_ref() == Some(&worker);
        let mut held: Vec<&mut Task> = self.tasks.values_mut().filter(is_own).collect();
        if held.len() >= max {
            let task = &mut held[0];
            task.lease_ends = task.lease_ends.max(mono + task.lease);
            let left = task.lease_ends.min(task.times_out) - mono;
            return Some((task.id, task.claim.unwrap(), left));
        }
        let is_due = |task: &&mut Task| task.status == "pending" && task.not_before <= wall;
        let all = self.tasks.values_mut().filter(is_due);
        let task = all
            .filter(|task| takes(task))
            .min_by_key(|task| (task.rank(), task.id))?;
        let claim = self.claims.len() as i64 + 1;
        self.claims.insert(claim, (task.id, None));
        (task.claim, task.worker, task.agent) = (Some(claim), Some(worker), agent);
        (task.status, task.progress, task.not_before) = ("running", None, 0);
        task.started.get_or_insert(wall);
        task.lease = lease.or(task.new.lease).unwrap_or(DEFAULT_LEASE_MS);
        task.lease_ends = mono + task.lease;
        task.times_out = task.new.timeout.map_or(i64::MAX, |ms| mono + ms);
        let id = task.id;
        let left = task.lease_ends.min(task.times_out) - mono;
        self.happened("task_claimed", id);
        Some((id, claim, left))
    }
}
