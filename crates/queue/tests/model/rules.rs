//! The rest of the naive account: how tasks end, what people do, and the time.

use std::collections::BTreeSet;

use crate::call::{New, Said, Tok};
use crate::naive::{Message, Model, Refused, is_open};

const MIN_LEFT_MS: i64 = 60_000;
const UNKNOWN: &str = "unknown_task";

impl Model {
    pub fn complete(
        &mut self,
        tok: &Tok,
        result: Option<String>,
        handoff: Option<(String, String)>,
    ) -> Result<Said, Refused> {
        if tok.generation != self.generation {
            return Err("lease_lost");
        }
        let task = self.tasks.get(&tok.task).ok_or(UNKNOWN)?.clone();
        let is_last = task.claim == Some(tok.claim);
        if task.status == "completed" && is_last && task.result == result {
            let Some((to, of_type)) = handoff else {
                return Ok(Said::Completed(None));
            };
            let mut children = self.tasks.values();
            let same = children.find(|child| {
                child.new.parent == Some(task.id) && child.to == to && child.new.of_type == of_type
            });
            let same = same.ok_or("already_ended")?;
            return Ok(Said::Completed(Some(same.id)));
        }
        let is_late = task.status == "pending" && is_last;
        if !is_late {
            task.held(tok.claim)?;
        }
        let own = self.tasks.get_mut(&tok.task).expect("it is there");
        (own.result, own.error, own.progress) = (result, None, Some(1.0));
        let mut child = None;
        if let Some((to, of_type)) = handoff.filter(|_| !task.is_cancel_asked) {
            let new = New {
                to: to.clone(),
                of_type,
                priority: task.priority,
                parent: Some(task.id),
                ..New::default()
            };
            let (id, _) = self.create(new)?;
            self.send(to, "handoff", Some(id));
            child = Some(id);
        }
        self.end_attempt(tok.task, "completed", None, "task_completed", "completed");
        Ok(Said::Completed(child))
    }

    pub fn send(&mut self, to: String, kind: &'static str, task: Option<i64>) -> i64 {
        let id = self.messages.len() as i64 + 1;
        let read = None;
        self.messages.insert(
            id,
            Message {
                to,
                kind,
                task,
                read,
            },
        );
        self.events.push(("message", task, None));
        id
    }

    pub fn sent(
        &mut self,
        to: String,
        kind: &'static str,
        task: Option<i64>,
        reply_to: Option<i64>,
    ) -> Result<Said, Refused> {
        if task.is_some_and(|id| !self.tasks.contains_key(&id)) {
            return Err(UNKNOWN);
        }
        let asked = match reply_to {
            Some(id) => self.messages.get(&id).ok_or("unknown_message")?.task,
            None => None,
        };
        let id = self.send(to, kind, task.or(asked));
        let of_question = |id: &i64| reply_to.is_some() && self.tasks[id].question == reply_to;
        if kind == "answer"
            && let Some(id) = asked.filter(of_question)
        {
            self.set(id, "pending", None, "task_requeued");
        }
        Ok(Said::Sent(id))
    }

    pub fn cancel(&mut self, id: i64, cascades: bool) -> Result<Said, Refused> {
        if !is_open(self.tasks.get(&id).ok_or(UNKNOWN)?.status) {
            return Err("already_ended");
        }
        let mut all = BTreeSet::from([id]);
        // A child has a higher number than its parent.
        for task in self.tasks.values().filter(|_| cascades) {
            if task.new.parent.is_some_and(|parent| all.contains(&parent)) {
                all.insert(task.id);
            }
        }
        all.retain(|id| is_open(self.tasks[id].status));
        for id in &all {
            let task = self.tasks.get_mut(id).expect("it is there");
            if task.status == "running" {
                task.is_cancel_asked = true;
                self.happened("task_cancel_asked", *id);
                continue;
            }
            (task.status, task.reason, task.question) = ("cancelled", None, None);
            task.ended = Some(self.wall);
            self.happened("task_cancelled", *id);
        }
        for id in all {
            if self.tasks[&id].status == "cancelled" {
                self.settle(id);
            }
        }
        Ok(Said::Done)
    }

    pub fn retry(&mut self, id: i64) -> Result<Said, Refused> {
        let task = self.tasks.get(&id).ok_or(UNKNOWN)?;
        let mut others = self.tasks.values().filter(|other| is_open(other.status));
        if task.new.key.is_some() && others.any(|other| other.new.key == task.new.key) {
            return Err("invalid");
        }
        if task.status != "failed" {
            return Err("wrong_status");
        }
        let task = self.tasks.get_mut(&id).expect("it is there");
        (task.max_retries, task.is_cancel_asked) = (task.retries, false);
        match self.missing(id) {
            None => self.set(id, "pending", None, "task_requeued"),
            why => self.set(id, "blocked", why, "task_blocked"),
        }
        let ids: Vec<i64> = self.tasks.keys().copied().collect();
        for waiting in ids {
            if self.tasks[&waiting].waits_for_needs() {
                let why = self.missing(waiting);
                self.tasks.get_mut(&waiting).expect("it is there").reason = why;
            }
        }
        Ok(Said::Done)
    }

    /// Leases that have ended by now.
    pub fn lose(&mut self) {
        let mono = self.mono;
        let held = self.tasks.values().filter(|task| task.status == "running");
        let first_end = |lease_ends: i64, times_out: i64| lease_ends.min(times_out);
        let mut lost: Vec<(i64, i64, bool)> = held
            .map(|task| {
                let end = first_end(task.lease_ends, task.times_out);
                (end, task.id, task.times_out <= mono)
            })
            .filter(|(end, ..)| *end <= mono)
            .collect();
        lost.sort_unstable();
        for (_, id, is_timeout) in lost {
            let error = if is_timeout { "timeout" } else { "lease_lost" };
            self.failed(id, Some(error.to_owned()), false, None, true);
        }
    }

    /// The queue begins again: each lease has its whole length, a minute at least.
    pub fn begin_again(&mut self) {
        let mono = self.mono;
        for task in self.tasks.values_mut() {
            task.lease_ends = mono + task.lease.max(MIN_LEFT_MS);
            task.times_out = task.new.timeout.map_or(i64::MAX, |ms| mono + ms);
        }
    }

    /// What `name` is doing, and the task that it holds.
    pub fn state(&self, name: &str) -> (&'static str, Option<i64>) {
        let own = || self.tasks.values().filter(|task| task.to == name);
        let has = |status: &str| own().any(|task| task.status == status);
        let held = own().filter(|task| task.status == "running");
        let state = match (has("running"), has("blocked"), has("pending")) {
            (true, ..) => "working",
            (_, true, false) => "blocked",
            _ => "idle",
        };
        (state, held.map(|task| task.id).max())
    }
}
