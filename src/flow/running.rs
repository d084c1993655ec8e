//! The executions that run now, with the last that was heard of each. Silence is counted in time
//! that the daemon has listened, so that a sleeping laptop, a moved clock or a stopped daemon ends
//! nobody, and a restart prolongs nothing.

mod keep;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::clock::Now;
use crate::domain::event::{Progress, ToolCall};
use crate::domain::execution::{Execution, TokenUsage};
use crate::domain::last_sign::LastSign;
use crate::domain::view::{Active, Sign};

/// Calls that one execution has open at once, and that are told apart.
const MAX_OPEN_CALLS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the last sign of life.
    pub idle: Duration,
    /// The same while a tool call is open.
    pub tool: Duration,
}

pub struct Running {
    timeouts: Timeouts,
    runs: HashMap<String, Run>,
    deadlines: BTreeSet<(Duration, String)>,
    /// Those whose last sign is not on the disk, by `Run::kept_at`.
    unkept: BTreeSet<(Duration, String)>,
}

/// What is shown of a running execution.
#[derive(Clone, Debug)]
pub struct Shown {
    pub active: Active,
    /// The last change to the execution. Where that is not yet applied, the execution may not be
    /// known, or what the change makes of it would take this one's place.
    pub after: u64,
}

struct Run {
    execution: Arc<Execution>,
    /// The last change to it.
    changed_seq: u64,
    /// More is known of it than its changes tell.
    is_heard: bool,
    token_usage: Option<TokenUsage>,
    progress: Option<f64>,
    current_tool: Option<String>,
    /// The tool calls that have begun and not ended, by their id, with their names.
    open: Vec<(Option<String>, String)>,
    /// Calls may have been open when the daemon ended, and it has heard nothing since: that one
    /// has begun is a sign of life, and no sign of life is kept.
    may_be_open: bool,
    /// The last sign of life, by the wall clock.
    last_sign_ms: i64,
    /// By how much it was then late.
    late_ms: i64,
    /// The last sign of life, in time that was listened, as the next two.
    heard_at: Duration,
    /// The sign that would be known after a restart.
    kept_at: Duration,
    deadline: Duration,
    /// Whether any sign is on the disk: the first seconds of an execution leave nothing there.
    is_kept: bool,
    /// The beginning of its silence by the wall clock, and its deadline.
    silent_since_ms: i64,
    deadline_ms: i64,
}

impl Running {
    pub fn new(timeouts: Timeouts) -> Running {
        Running {
            timeouts,
            runs: HashMap::new(),
            deadlines: BTreeSet::new(),
            unkept: BTreeSet::new(),
        }
    }

    /// Whoever runs has until now what the time-outs were, and from now what they are: counted
    /// from its last sign of life.
    pub fn retune(&mut self, timeouts: Timeouts) {
        let before = std::mem::replace(&mut self.timeouts, timeouts);
        self.deadlines.clear();
        for (id, run) in &mut self.runs {
            let (old, new) = (before.of(run), timeouts.of(run));
            run.deadline = run.heard_at + new;
            run.deadline_ms += new.as_millis() as i64 - old.as_millis() as i64;
            self.deadlines.insert((run.deadline, id.clone()));
        }
    }

    pub fn count(&self) -> usize {
        self.runs.len()
    }

    pub fn get(&self, id: &str) -> Option<&Arc<Execution>> {
        self.runs.get(id).map(|run| &run.execution)
    }

    /// Follows a change: takes in an execution that runs now, lets go of one that does not.
    pub fn follow(&mut self, execution: &Arc<Execution>, seq: u64, now: Now) {
        // A start that was kept somewhere for longer than the time-out is no sign of life from
        // now, but from when it was made.
        let started_ms = execution.started_ms().unwrap_or(now.wall_ms);
        let late_ms = now.wall_ms.saturating_sub(started_ms);
        let is_late = late_ms > self.timeouts.idle.as_millis() as i64;
        self.put(execution, seq, if is_late { late_ms } else { 0 }, now);
    }

    /// As [`follow`](Self::follow), for what ran before the daemon started. `last` is the sign of
    /// life that was kept; without one the execution had just begun. A later one may have been
    /// lost, also that a call has begun, where hooks tell of it.
    pub fn load(
        &mut self,
        execution: &Arc<Execution>,
        seq: u64,
        last: Option<&LastSign>,
        now: Now,
    ) {
        let is_new = !self.runs.contains_key(&execution.id);
        self.put(execution, seq, 0, now);
        let Some(run) = self.runs.get_mut(&execution.id) else {
            return;
        };
        if let Some(last) = last.filter(|_| is_new) {
            self.unkept.remove(&(run.kept_at, execution.id.clone()));
            run.kept_at = Duration::from_millis(last.listened_ms);
            run.heard_at = now.listened.min(run.kept_at + self.timeouts.lag());
            run.is_kept = true;
            run.last_sign_ms = last.at_ms;
            run.late_ms = last.late_ms;
            run.open = last.open.clone();
            run.current_tool = run.open.last().map(|(_, tool)| tool.clone());
            run.is_heard = true;
        }
        run.may_be_open |= execution.hooked.is_some();
        self.postpone(&execution.id, now);
    }

    /// From now on the daemon listens: until now the wall clock went on, and silence did not.
    pub fn listen(&mut self, now: Now) {
        let ids: Vec<String> = self.runs.keys().cloned().collect();
        for id in ids {
            self.postpone(&id, now);
        }
    }

    fn put(&mut self, execution: &Arc<Execution>, seq: u64, late_ms: i64, now: Now) {
        let id = &execution.id;
        if !execution.is_running() {
            if let Some(run) = self.runs.remove(id) {
                self.deadlines.remove(&(run.deadline, id.clone()));
                self.unkept.remove(&(run.kept_at, id.clone()));
            }
        } else if let Some(run) = self.runs.get_mut(id) {
            if !is_of_the_same_lines(&run.execution, execution) {
                run.token_usage = None;
            }
            run.execution = execution.clone();
            run.changed_seq = seq;
        } else {
            let run = Run {
                execution: execution.clone(),
                changed_seq: seq,
                is_heard: false,
                token_usage: None,
                progress: None,
                current_tool: None,
                open: Vec::new(),
                may_be_open: false,
                last_sign_ms: now.wall_ms - late_ms,
                late_ms,
                heard_at: now.listened,
                kept_at: now.listened,
                deadline: Duration::ZERO,
                is_kept: false,
                silent_since_ms: 0,
                deadline_ms: 0,
            };
            self.unkept.insert((run.kept_at, id.clone()));
            self.runs.insert(id.clone(), run);
            self.postpone(id, now);
        }
    }

    /// A sign of life. Nothing for an execution that does not run.
    pub fn heard(&mut self, progress: &Progress, now: Now) -> Option<Shown> {
        let run = self.runs.get_mut(&progress.id)?;
        run.is_heard = true;
        run.progress = progress.progress.or(run.progress);
        match &progress.tool_call {
            Some(call) => run.follow_call(call, progress.current_tool.as_deref()),
            None if progress.current_tool.is_some() => {
                run.current_tool.clone_from(&progress.current_tool);
            }
            None => {}
        }
        run.may_be_open = false;
        run.last_sign_ms = now.wall_ms;
        run.late_ms = 0;
        run.heard_at = now.listened;
        self.unkept.insert((run.kept_at, progress.id.clone()));
        self.postpone(&progress.id, now)
    }

    /// Sets its deadline, counted from its last sign of life.
    fn postpone(&mut self, id: &str, now: Now) -> Option<Shown> {
        let run = self.runs.get_mut(id)?;
        let timeout = self.timeouts.of(run);
        self.deadlines.remove(&(run.deadline, id.to_owned()));
        run.deadline = run.heard_at + timeout;
        self.deadlines.insert((run.deadline, id.to_owned()));
        let silent = now.listened.saturating_sub(run.heard_at);
        let since_ms = now.wall_ms - silent.as_millis() as i64;
        run.silent_since_ms = since_ms - run.late_ms;
        run.deadline_ms = since_ms + timeout.as_millis() as i64;
        Some(run.shown())
    }

    /// What it has spent so far, which is no sign of life: a file may grow after its agent has
    /// died. Nothing where that is known, and for an execution that does not run.
    pub fn spent(&mut self, id: &str, usage: Option<TokenUsage>) -> Option<Shown> {
        let run = self
            .runs
            .get_mut(id)
            .filter(|run| run.token_usage != usage)?;
        run.token_usage = usage;
        run.is_heard = true;
        Some(run.shown())
    }

    /// What was heard of an execution before it changed; nothing where there was nothing.
    pub fn last(&self, id: &str) -> Option<Shown> {
        let run = self.runs.get(id).filter(|run| run.is_heard)?;
        Some(run.shown())
    }

    /// Those of which nothing was heard until their deadline, with the end that they then have; at
    /// most `max`.
    pub fn due(&self, listened: Duration, max: usize) -> Vec<(String, i64)> {
        let due = self
            .deadlines
            .iter()
            .take_while(|(deadline, _)| *deadline <= listened)
            .take(max);
        due.filter_map(|(_, id)| self.runs.get(id).map(|run| (id.clone(), self.end_ms(run))))
            .collect()
    }

    fn end_ms(&self, run: &Run) -> i64 {
        run.silent_since_ms + self.timeouts.of(run).as_millis() as i64
    }

    /// Those of a session.
    pub fn of_session(&self, session_id: &str) -> Vec<&str> {
        let of_it = self.runs.iter().filter(|(_, run)| {
            run.execution.origin(|origin| &origin.session_id) == Some(session_id)
        });
        of_it.map(|(id, _)| id.as_str()).collect()
    }

    pub fn all(&self) -> Vec<Shown> {
        self.runs.values().map(Run::shown).collect()
    }

    pub fn executions(&self) -> impl Iterator<Item = &Arc<Execution>> {
        self.runs.values().map(|run| &run.execution)
    }
}

impl Timeouts {
    fn of(&self, run: &Run) -> Duration {
        if run.may_be_open {
            self.idle.max(self.tool)
        } else if run.open.is_empty() {
            self.idle
        } else {
            self.tool
        }
    }
}

impl Run {
    /// Shown is the call that began last of those that are open.
    fn follow_call(&mut self, call: &ToolCall, tool: Option<&str>) {
        let known = self.open.iter().position(|(id, _)| *id == call.use_id);
        if let Some(known) = known {
            self.open.remove(known);
        }
        if let (true, Some(tool)) = (call.is_open, tool)
            && self.open.len() < MAX_OPEN_CALLS
        {
            self.open.push((call.use_id.clone(), tool.to_owned()));
        }
        self.current_tool = self.open.last().map(|(_, tool)| tool.clone());
    }

    fn shown(&self) -> Shown {
        let sign = Sign {
            progress: self.progress,
            current_tool: self.current_tool.clone(),
            last_sign_ms: self.last_sign_ms,
            deadline_ms: self.deadline_ms,
            token_usage: self.token_usage,
        };
        Shown {
            active: Active::of(&self.execution, Some(&sign)),
            after: self.changed_seq,
        }
    }
}

/// Whether what was read for one is what would be read for the other.
pub fn is_of_the_same_lines(one: &Execution, other: &Execution) -> bool {
    let lines = |execution: &Execution| {
        let start = execution.start.as_ref();
        start.map(|start| start.started_ms)
    };
    one.transcript() == other.transcript() && lines(one) == lines(other)
}

#[cfg(test)]
mod tests;
