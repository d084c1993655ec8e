//! The executions that run now, with the last heartbeat of each. Silence is counted in time
//! that the daemon has listened, so that a sleeping laptop, a moved clock or a stopped daemon ends
//! nobody, and a restart prolongs nothing.
//!
//! Of each only what decisions and lists need is held, and counted in bytes; the whole execution
//! is in history, or waits for it in the writer's memory. The writer alone changes anything here,
//! and reports read it.

mod keep;
mod missing;
mod run;

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use xxhash_rust::xxh3::xxh3_64;

use self::run::Run;
pub use self::run::{RunSnapshot, run_bytes};
use super::clock::Now;
use agentpulse_core::event::Progress;
use agentpulse_core::execution::{Execution, TokenUsage};
use agentpulse_core::last_heartbeat::KeptHeartbeats;
use agentpulse_core::only::Only;
use agentpulse_core::view::Active;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the last heartbeat.
    pub idle: Duration,
    /// The same while a tool call is open.
    pub tool: Duration,
}

/// Executions of one agent that run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentRuns {
    pub count: usize,
    /// So far.
    pub tokens: u64,
}

impl AgentRuns {
    pub fn add(&mut self, other: AgentRuns) {
        self.count += other.count;
        self.tokens = self.tokens.saturating_add(other.tokens);
    }
}

/// What the writer and the reports share.
pub struct Running(Mutex<Runs>);

struct Runs {
    timeouts: Timeouts,
    /// Of names of tools that heartbeats bring, what finds no room below this is not kept.
    max_bytes: usize,
    bytes: usize,
    names_dropped: u64,
    by_id: HashMap<Arc<str>, Run>,
    deadlines: BTreeSet<(Duration, Arc<str>)>,
    /// Those whose last sign is not on the disk, by `Run::kept_at`.
    unkept: BTreeSet<(Duration, Arc<str>)>,
    /// By start and id: the order of lists.
    starts: BTreeSet<(i64, Arc<str>)>,
}

impl Running {
    pub fn new(timeouts: Timeouts, max_bytes: usize) -> Running {
        Running(Mutex::new(Runs {
            timeouts,
            max_bytes,
            bytes: 0,
            names_dropped: 0,
            by_id: HashMap::new(),
            deadlines: BTreeSet::new(),
            unkept: BTreeSet::new(),
            starts: BTreeSet::new(),
        }))
    }

    /// What runs keeps the time-outs that it had until now, and has the new ones from now on:
    /// counted from its last heartbeat.
    pub fn reconfigure(&self, timeouts: Timeouts, max_bytes: usize) {
        let mut runs = self.runs();
        let runs = &mut *runs;
        runs.max_bytes = max_bytes;
        let before = std::mem::replace(&mut runs.timeouts, timeouts);
        runs.deadlines.clear();
        for (id, run) in &mut runs.by_id {
            let (old, new) = (before.of(run), timeouts.of(run));
            run.deadline = run.seen_at + new;
            run.deadline_ms += new.as_millis() as i64 - old.as_millis() as i64;
            runs.deadlines.insert((run.deadline, id.clone()));
        }
    }

    pub fn count(&self) -> usize {
        self.runs().by_id.len()
    }

    /// About how much memory is held of what runs; see [`run_bytes`].
    pub fn bytes(&self) -> usize {
        self.runs().bytes
    }

    pub fn has(&self, id: &str) -> bool {
        self.runs().by_id.contains_key(id)
    }

    pub fn get(&self, id: &str) -> Option<RunSnapshot> {
        self.runs().by_id.get(id).map(Run::snapshot)
    }

    /// The executions that have one of these tool calls open, by the call. All calls are looked for
    /// in one pass: the writer waits for it.
    pub fn of_calls<'u>(
        &self,
        use_ids: impl IntoIterator<Item = &'u str>,
    ) -> HashMap<&'u str, RunSnapshot> {
        let use_ids = use_ids.into_iter();
        let asked: HashMap<u64, &str> = use_ids.map(|id| (xxh3_64(id.as_bytes()), id)).collect();
        let mut found = HashMap::new();
        if asked.is_empty() {
            return found;
        }
        for run in self.runs().by_id.values() {
            for use_id in run.open_calls().filter_map(|call| asked.get(&call)) {
                found.insert(*use_id, run.snapshot());
            }
        }
        found
    }

    /// Of some, when the last heartbeat came, in time that was listened.
    pub fn seen(&self, is_asked: impl Fn(&Active) -> bool) -> Vec<(Arc<Active>, Duration)> {
        let runs = self.runs();
        let all = runs.by_id.values();
        let asked = all.filter(|run| is_asked(&run.known));
        asked.map(|run| (run.known.clone(), run.seen_at)).collect()
    }

    /// Whether an agent of that name runs.
    pub fn has_agent(&self, agent_name: &str) -> bool {
        let runs = self.runs();
        let mut all = runs.by_id.values();
        all.any(|run| run.known.agent_name == agent_name)
    }

    /// What runs, by the name of its agent and its project.
    pub fn by_agent(&self, only: &Only) -> HashMap<String, HashMap<Option<String>, AgentRuns>> {
        let runs = self.runs();
        let mut all: HashMap<String, HashMap<Option<String>, AgentRuns>> = HashMap::new();
        let taken = runs
            .by_id
            .values()
            .filter(|run| only.takes_active(&run.known));
        for run in taken {
            let of_name = all.entry(run.known.agent_name.clone()).or_default();
            of_name
                .entry(run.known.project.clone())
                .or_default()
                .add(AgentRuns {
                    count: 1,
                    tokens: run.token_usage.map_or(0, |usage| usage.total_tokens),
                });
        }
        all
    }

    /// Follows a change: takes in an execution that runs now, lets go of one that does not.
    pub fn follow(&self, execution: &Execution, seq: u64, now: Now) {
        let mut runs = self.runs();
        // A start that was kept somewhere for longer than the time-out is no heartbeat from
        // now, but from when it was made.
        let started_ms = execution.started_ms().unwrap_or(now.wall_ms);
        let late_ms = now.wall_ms.saturating_sub(started_ms);
        let is_late = late_ms > runs.timeouts.idle.as_millis() as i64;
        runs.put(execution, seq, if is_late { late_ms } else { 0 }, now);
    }

    /// As [`follow`](Self::follow), for what ran before the daemon started. Of one without a
    /// heartbeat that was kept, the execution had just begun. That a call has begun may have been
    /// lost, where hooks report it.
    pub fn load(&self, execution: &Execution, seq: u64, kept: &KeptHeartbeats, now: Now) {
        let mut runs = self.runs();
        let runs = &mut *runs;
        let is_new = !runs.by_id.contains_key(execution.id.as_str());
        runs.put(execution, seq, 0, now);
        // Without a lag a later heartbeat would have been kept.
        let lag = match kept.is_whole {
            true => Duration::ZERO,
            false => runs.timeouts.lag(),
        };
        let Some((id, _)) = runs.by_id.get_key_value(execution.id.as_str()) else {
            return;
        };
        let id = id.clone();
        let Some(run) = runs.by_id.get_mut(&id) else {
            return;
        };
        if let Some(last) = kept.last.get(&*id).filter(|_| is_new) {
            runs.unkept.remove(&(run.kept_at, id.clone()));
            runs.bytes -= run.name_bytes();
            run.remember(last, now.listened, lag);
            runs.bytes += run.name_bytes();
            if run.seen_at > run.kept_at {
                runs.unkept.insert((run.kept_at, id));
            }
        }
        run.may_be_open |= execution.hooked.is_some();
        runs.postpone(&execution.id, now);
    }

    /// From now on the daemon listens: until now the wall clock went on, and silence did not.
    pub fn listen(&self, now: Now) {
        let mut runs = self.runs();
        let ids: Vec<Arc<str>> = runs.by_id.keys().cloned().collect();
        for id in ids {
            runs.postpone(&id, now);
        }
    }

    /// A heartbeat. Returns None if the execution does not run.
    pub fn record_heartbeat(&self, progress: &Progress, now: Now) -> Option<RunSnapshot> {
        let mut runs = self.runs();
        let runs = &mut *runs;
        let run = runs.by_id.get_mut(progress.id.as_str())?;
        runs.bytes -= run.name_bytes();
        let room = runs.max_bytes.saturating_sub(runs.bytes);
        runs.names_dropped += u64::from(!run.record(progress, room, now));
        runs.bytes += run.name_bytes();
        let unkept = (run.kept_at, progress.id.as_str().into());
        runs.unkept.insert(unkept);
        runs.postpone(&progress.id, now)
    }

    /// Names of tools that found no room since this was last asked.
    pub fn take_names_dropped(&self) -> u64 {
        std::mem::take(&mut self.runs().names_dropped)
    }

    /// What it has spent so far, which is no heartbeat: a file may grow after its agent has
    /// died. Returns None if that is known, and if the execution does not run.
    pub fn spent(&self, id: &str, usage: Option<TokenUsage>) -> Option<RunSnapshot> {
        let mut runs = self.runs();
        let run = runs
            .by_id
            .get_mut(id)
            .filter(|run| run.token_usage != usage)?;
        run.token_usage = usage;
        run.has_heartbeat = true;
        Some(run.snapshot())
    }

    /// The last heartbeat of an execution before it changed. Returns None if there was nothing.
    pub fn last(&self, id: &str) -> Option<RunSnapshot> {
        let runs = self.runs();
        let run = runs.by_id.get(id).filter(|run| run.has_heartbeat)?;
        Some(run.snapshot())
    }

    /// Those that had no heartbeat until their deadline, with the end that they then have; at
    /// most `max`.
    pub fn due(&self, listened: Duration, max: usize) -> Vec<(String, i64)> {
        let runs = self.runs();
        let due = runs
            .deadlines
            .iter()
            .take_while(|(deadline, _)| *deadline <= listened)
            .take(max);
        let end = |id: &Arc<str>| {
            let run = runs.by_id.get(id)?;
            let timeout_ms = runs.timeouts.of(run).as_millis() as i64;
            Some((id.to_string(), run.silent_since_ms + timeout_ms))
        };
        due.filter_map(|(_, id)| end(id)).collect()
    }

    /// The ids of a session's.
    pub fn of_session(&self, session_id: &str) -> Vec<Arc<str>> {
        let runs = self.runs();
        let of_it = runs
            .by_id
            .iter()
            .filter(|(_, run)| run.is_of_session(session_id));
        of_it.map(|(id, _)| id.clone()).collect()
    }

    pub fn all(&self) -> Vec<RunSnapshot> {
        self.runs().by_id.values().map(Run::snapshot).collect()
    }

    /// At most `max`, the oldest start first, behind a start and an id; and how many follow them.
    pub fn page(
        &self,
        only: &Only,
        after: Option<(i64, &str)>,
        max: usize,
    ) -> (Vec<RunSnapshot>, usize) {
        let runs = self.runs();
        let after = after.map_or(Unbounded, |(started_ms, id)| {
            Excluded((started_ms, Arc::from(id)))
        });
        let is_all = only.is_all();
        let taken = |id: &Arc<str>| is_all || runs.takes(only, id);
        let rest = runs.starts.range((after, Unbounded));
        let mut rest = rest.filter(|(_, id)| taken(id));
        let ids = rest.by_ref().take(max);
        let shown = ids.filter_map(|(_, id)| runs.by_id.get(id).map(Run::snapshot));
        let shown = shown.collect();
        (shown, rest.count())
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.0.lock()
    }
}

impl Runs {
    fn takes(&self, only: &Only, id: &str) -> bool {
        let run = self.by_id.get(id);
        run.is_some_and(|run| only.takes_active(&run.known))
    }

    fn put(&mut self, execution: &Execution, seq: u64, late_ms: i64, now: Now) {
        let known = self.by_id.remove_entry(execution.id.as_str());
        if let Some((id, run)) = &known {
            self.bytes -= run.bytes + run.name_bytes();
            self.starts.remove(&(run.known.started_ms, id.clone()));
        }
        if !execution.is_running() {
            if let Some((id, run)) = known {
                self.deadlines.remove(&(run.deadline, id.clone()));
                self.unkept.remove(&(run.kept_at, id));
            }
            return;
        }
        let is_new = known.is_none();
        let (id, run) = match known {
            Some((id, run)) => (id, run.changed(execution, seq)),
            None => (
                execution.id.as_str().into(),
                Run::new(execution, seq, late_ms, now),
            ),
        };
        self.bytes += run.bytes + run.name_bytes();
        self.starts.insert((run.known.started_ms, id.clone()));
        if is_new {
            self.unkept.insert((run.kept_at, id.clone()));
        }
        self.by_id.insert(id, run);
        if is_new {
            self.postpone(&execution.id, now);
        }
    }

    /// Sets its deadline, counted from its last heartbeat.
    fn postpone(&mut self, id: &str, now: Now) -> Option<RunSnapshot> {
        let (id, _) = self.by_id.get_key_value(id)?;
        let id = id.clone();
        let run = self.by_id.get_mut(&id)?;
        let timeout = self.timeouts.of(run);
        self.deadlines.remove(&(run.deadline, id.clone()));
        run.deadline = run.seen_at + timeout;
        self.deadlines.insert((run.deadline, id));
        let silent = now.listened.saturating_sub(run.seen_at);
        let since_ms = now.wall_ms - silent.as_millis() as i64;
        run.silent_since_ms = since_ms - run.late_ms;
        run.deadline_ms = since_ms + timeout.as_millis() as i64;
        Some(run.snapshot())
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

#[cfg(test)]
mod tests;
