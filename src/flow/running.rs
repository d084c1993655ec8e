//! The executions that run now, with the last that was heard of each. Signs of life are counted
//! on the monotonic clock, so that a sleeping laptop or a moved clock ends nobody.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::event::{Progress, ToolCall};
use crate::domain::execution::{Execution, TokenUsage};
use crate::domain::view::{Active, Sign};

/// Calls that one execution has open at once, and that are told apart.
const MAX_OPEN_CALLS: usize = 64;

/// Now, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub wall_ms: i64,
    pub monotonic: Instant,
}

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
    deadlines: BTreeSet<(Instant, String)>,
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
    last_sign_ms: i64,
    deadline: Instant,
    deadline_ms: i64,
}

impl Running {
    pub fn new(timeouts: Timeouts) -> Running {
        Running {
            timeouts,
            runs: HashMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    /// Whoever runs has until now what the time-outs were, and from now what they are: counted
    /// from its last sign of life.
    pub fn retune(&mut self, timeouts: Timeouts) {
        let before = std::mem::replace(&mut self.timeouts, timeouts);
        self.deadlines.clear();
        for (id, run) in &mut self.runs {
            let is_open = !run.open.is_empty();
            let (old, new) = (before.of(is_open), timeouts.of(is_open));
            // A deadline is never before the beginning of its clock.
            let last_sign = run.deadline.checked_sub(old).unwrap_or(run.deadline);
            run.deadline = last_sign + new;
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
        let late = now.wall_ms > started_ms.saturating_add(self.timeouts.idle.as_millis() as i64);
        let last_sign_ms = if late { started_ms } else { now.wall_ms };
        self.put(execution, seq, last_sign_ms, now);
    }

    /// As [`follow`](Self::follow), for what ran before the daemon started: what was heard of it
    /// is forgotten, so that the start of the daemon stands for it.
    pub fn load(&mut self, execution: &Arc<Execution>, seq: u64, now: Now) {
        self.put(execution, seq, now.wall_ms, now);
    }

    fn put(&mut self, execution: &Arc<Execution>, seq: u64, last_sign_ms: i64, now: Now) {
        let id = &execution.id;
        if !execution.is_running() {
            if let Some(run) = self.runs.remove(id) {
                self.deadlines.remove(&(run.deadline, id.clone()));
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
                last_sign_ms,
                deadline: now.monotonic + self.timeouts.idle,
                deadline_ms: now.wall_ms + self.timeouts.idle.as_millis() as i64,
            };
            self.deadlines.insert((run.deadline, id.clone()));
            self.runs.insert(id.clone(), run);
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
        run.last_sign_ms = now.wall_ms;
        let timeout = self.timeouts.of(!run.open.is_empty());
        let deadline = now.monotonic + timeout;
        self.deadlines.remove(&(run.deadline, progress.id.clone()));
        self.deadlines.insert((deadline, progress.id.clone()));
        run.deadline = deadline;
        run.deadline_ms = now.wall_ms + timeout.as_millis() as i64;
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
    pub fn due(&self, now: Instant, max: usize) -> Vec<(String, i64)> {
        let due = self
            .deadlines
            .iter()
            .take_while(|(deadline, _)| *deadline <= now)
            .take(max);
        due.filter_map(|(_, id)| self.runs.get(id).map(|run| (id.clone(), self.end_ms(run))))
            .collect()
    }

    fn end_ms(&self, run: &Run) -> i64 {
        run.last_sign_ms + self.timeouts.of(!run.open.is_empty()).as_millis() as i64
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
    fn of(&self, tool_open: bool) -> Duration {
        if tool_open { self.tool } else { self.idle }
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
mod tests {
    use super::*;
    use crate::domain::execution::{Catalog, Fact, Origin, Start};

    const IDLE: Duration = Duration::from_secs(300);
    const TOOL: Duration = Duration::from_secs(1800);

    fn execution(id: &str, started_ms: i64) -> Arc<Execution> {
        let mut execution = Execution::new(id.to_owned());
        let start = Start {
            agent_name: "a".to_owned(),
            agent_type: None,
            started_ms,
            task_description: None,
            tools_granted: Vec::new(),
            context_size: None,
            origin: Origin::default(),
        };
        execution.merge(Fact::Start(Box::new(start)), &Catalog::default());
        Arc::new(execution)
    }

    fn progress(id: &str, tool_open: Option<bool>) -> Progress {
        Progress {
            id: id.to_owned(),
            progress: None,
            current_tool: tool_open.map(|_| "Bash".to_owned()),
            tool_call: tool_open.map(|is_open| ToolCall {
                use_id: Some("call".to_owned()),
                is_open,
            }),
        }
    }

    #[test]
    fn a_sign_of_life_moves_the_deadline_and_an_open_tool_moves_it_further() {
        let mut running = Running::new(Timeouts {
            idle: IDLE,
            tool: TOOL,
        });
        let begin = Instant::now();
        let at = |s: u64| Now {
            wall_ms: 1_000_000 + s as i64 * 1000,
            monotonic: begin + Duration::from_secs(s),
        };
        running.follow(&execution("x", 1_000_000), 1, at(0));
        assert_eq!(running.due(at(299).monotonic, 9), []);
        assert_eq!(
            running.due(at(300).monotonic, 9),
            [("x".to_owned(), 1_300_000)]
        );
        running.heard(&progress("x", Some(true)), at(200));
        assert_eq!(running.due(at(1999).monotonic, 9), []);
        assert_eq!(
            running.due(at(2000).monotonic, 9),
            [("x".to_owned(), 3_000_000)]
        );
        running.heard(&progress("x", Some(false)), at(400));
        assert_eq!(
            running.due(at(700).monotonic, 9),
            [("x".to_owned(), 1_700_000)]
        );
        assert!(running.heard(&progress("y", None), at(400)).is_none());
    }

    #[test]
    fn other_timeouts_count_from_the_last_sign() {
        let mut running = Running::new(Timeouts {
            idle: IDLE,
            tool: TOOL,
        });
        let begin = Instant::now();
        let at = |s: u64| Now {
            wall_ms: 1_000_000 + s as i64 * 1000,
            monotonic: begin + Duration::from_secs(s),
        };
        running.follow(&execution("idle", 1_000_000), 1, at(0));
        running.follow(&execution("tool", 1_000_000), 2, at(0));
        running.heard(&progress("tool", Some(true)), at(10));
        running.retune(Timeouts {
            idle: 2 * IDLE,
            tool: IDLE / 10,
        });
        let due = |s: u64| running.due(at(s).monotonic, 9);
        assert_eq!(due(39), []);
        assert_eq!(due(40), [("tool".to_owned(), 1_040_000)]);
        let both = ["tool", "idle"].map(str::to_owned);
        assert_eq!(due(599).len(), 1);
        assert_eq!(
            due(600),
            both.into_iter()
                .zip([1_040_000, 1_600_000])
                .collect::<Vec<_>>()
        );
        let mut shown: Vec<_> = running
            .all()
            .iter()
            .map(|shown| shown.active.deadline_ms)
            .collect();
        shown.sort();
        assert_eq!(shown, [Some(1_040_000), Some(1_600_000)]);
    }

    #[test]
    fn a_start_that_comes_late_ends_by_its_own_stamp() {
        let mut running = Running::new(Timeouts {
            idle: IDLE,
            tool: TOOL,
        });
        let now = Now {
            wall_ms: 10_000_000,
            monotonic: Instant::now(),
        };
        running.follow(&execution("x", 1_000_000), 1, now);
        let due = running.due(now.monotonic + IDLE, 9);
        assert_eq!(due, [("x".to_owned(), 1_300_000)]);
    }
}
