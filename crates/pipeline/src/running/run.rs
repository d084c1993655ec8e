//! What is held of one running execution.

use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::clock::Now;
use agentpulse_core::event::{Progress, ToolCall};
use agentpulse_core::execution::{Execution, TokenUsage};
use agentpulse_core::json::json_bytes;
use agentpulse_core::last_heartbeat::LastHeartbeat;
use agentpulse_core::view::{Active, Heartbeat};

/// Calls that one execution has open at once, and that are kept one by one.
const MAX_OPEN_CALLS: usize = 64;
/// Of one run beside its texts: the structures here, the entries of maps that lead to it, and its
/// last heartbeat on the way to Redis and to those who watch.
const RUN_BYTES: usize = 640;
/// The copies of its id in those maps.
const ID_COPIES: usize = 4;
/// Of one text in a list, beside it: what leads to it, and the least that is allocated.
const TEXT_BYTES: usize = 32;
/// Of one name of a tool, beside its text.
const NAME_BYTES: usize = 48;

/// About how much memory is held of an execution while it runs. Its texts count as they are as
/// JSON: so long they are in Redis and in lists.
pub fn run_bytes(execution: &Execution) -> usize {
    bytes_of(&Active::of(execution), execution)
}

fn bytes_of(known: &Active, execution: &Execution) -> usize {
    let transcript = execution.transcript().map_or(0, str::len);
    let ids = ID_COPIES * execution.id.len();
    let later = execution.later_sessions().iter();
    let later: usize = later.map(|session| TEXT_BYTES + session.len()).sum();
    let texts = TEXT_BYTES * known.tools_granted.len() + later;
    RUN_BYTES + json_bytes(known) + transcript + ids + texts
}

/// What is shown of a running execution. To copy it is cheap: its texts are shared.
#[derive(Clone, Debug)]
pub struct RunSnapshot {
    /// Without a heartbeat.
    pub known: Arc<Active>,
    pub heartbeat: Heartbeat,
    /// The last change to the execution. Where that is not yet applied, the execution may not be
    /// known, or what the change makes of it would take this one's place.
    pub after: u64,
}

impl RunSnapshot {
    pub fn id(&self) -> &str {
        &self.known.agent_id
    }

    pub fn active(&self) -> Active {
        Active::clone(&self.known).with(&self.heartbeat)
    }
}

pub(super) struct Run {
    /// Without a heartbeat.
    pub known: Arc<Active>,
    /// Of all but the names of its tools; see [`run_bytes`].
    pub bytes: usize,
    /// Sessions into which it went on.
    later_sessions: Vec<String>,
    /// The lines of which transcript say what it has spent, hashed.
    lines: u64,
    /// The last change to it.
    changed_seq: u64,
    /// More is known of it than its changes say.
    pub has_heartbeat: bool,
    pub token_usage: Option<TokenUsage>,
    progress: Option<f64>,
    current_tool: Option<Arc<str>>,
    /// The tool calls that have begun and not ended, by the hash of their id, with their names.
    pub open: Vec<(Option<u64>, Arc<str>)>,
    /// A call may be open that is not among those: one of which the sign was lost when the daemon
    /// ended, or one that found no room. The execution had no event since.
    pub may_be_open: bool,
    /// The last heartbeat, by the wall clock.
    last_sign_ms: i64,
    /// By how much it was then late.
    pub late_ms: i64,
    /// The latest that a heartbeat was sent, as far as its line says.
    observed_ms: i64,
    /// The last heartbeat, in time that was listened, as the next two.
    pub seen_at: Duration,
    /// The sign that would be known after a restart.
    pub kept_at: Duration,
    pub deadline: Duration,
    /// Whether any sign is on the disk: the first seconds of an execution leave nothing there.
    pub is_kept: bool,
    /// The beginning of its silence by the wall clock, and its deadline.
    pub silent_since_ms: i64,
    pub deadline_ms: i64,
}

impl Run {
    /// The deadline is to be set.
    pub fn new(execution: &Execution, seq: u64, late_ms: i64, now: Now) -> Run {
        let known = Arc::new(Active::of(execution));
        Run {
            bytes: bytes_of(&known, execution),
            known,
            later_sessions: later_sessions_of(execution),
            lines: lines_of(execution),
            changed_seq: seq,
            has_heartbeat: false,
            token_usage: None,
            progress: None,
            current_tool: None,
            open: Vec::new(),
            may_be_open: false,
            last_sign_ms: now.wall_ms - late_ms,
            late_ms,
            observed_ms: i64::MIN,
            seen_at: now.listened,
            kept_at: now.listened,
            deadline: Duration::ZERO,
            is_kept: false,
            silent_since_ms: 0,
            deadline_ms: 0,
        }
    }

    /// Takes over the sign that was kept. Another one may have been lost if the daemon ended less
    /// than `lag` after it: a later one was kept before it was answered. Then the execution counts
    /// as seen when the daemon ended.
    pub fn remember(&mut self, last: &LastHeartbeat, listened: Duration, lag: Duration) {
        self.kept_at = Duration::from_millis(last.listened_ms);
        self.seen_at = match self.kept_at + lag > listened {
            true => listened,
            false => self.kept_at,
        };
        self.is_kept = true;
        self.last_sign_ms = last.at_ms;
        self.observed_ms = last.at_ms;
        self.late_ms = last.late_ms;
        self.open = last.open.clone();
        self.current_tool = self.open.last().map(|(_, tool)| tool.clone());
        self.has_heartbeat = true;
    }

    pub fn last_heartbeat(&self) -> LastHeartbeat {
        LastHeartbeat {
            listened_ms: self.seen_at.as_millis() as u64,
            at_ms: self.last_sign_ms,
            late_ms: self.late_ms,
            open: self.open.clone(),
        }
    }

    /// As it is after a change.
    pub fn changed(mut self, execution: &Execution, seq: u64) -> Run {
        let lines = lines_of(execution);
        if lines != self.lines {
            self.token_usage = None;
        }
        self.known = Arc::new(Active::of(execution));
        self.bytes = bytes_of(&self.known, execution);
        self.later_sessions = later_sessions_of(execution);
        (self.lines, self.changed_seq) = (lines, seq);
        self
    }

    pub fn is_of_session(&self, session_id: &str) -> bool {
        self.known.session_id.as_deref() == Some(session_id)
            || self.later_sessions.iter().any(|later| later == session_id)
    }

    /// The calls that are open, by the hash of their id.
    pub fn open_calls(&self) -> impl Iterator<Item = u64> {
        self.open.iter().filter_map(|(call, _)| *call)
    }

    /// Whether a heartbeat was sent after a moment.
    pub fn has_heartbeat_after(&self, at_ms: i64) -> bool {
        self.observed_ms > at_ms
    }

    /// Whether every name of a tool found room, of which there are so many bytes.
    pub fn record(&mut self, progress: &Progress, room: usize, now: Now) -> bool {
        self.last_sign_ms = now.wall_ms;
        let observed_ms = progress.observed_ms.unwrap_or(now.wall_ms);
        self.observed_ms = self.observed_ms.max(observed_ms);
        self.late_ms = 0;
        self.seen_at = now.listened;
        self.has_heartbeat = true;
        self.may_be_open = false;
        self.progress = progress.progress.or(self.progress);
        let tool = progress.current_tool.as_deref();
        match (&progress.tool_call, tool) {
            (Some(call), tool) => self.follow_call(call, tool, room),
            (None, Some(tool)) => {
                self.current_tool = None;
                let fits = self.name_bytes() + tool.len() + NAME_BYTES <= room;
                self.current_tool = fits.then(|| tool.into());
                fits
            }
            (None, None) => true,
        }
    }

    /// Shown is the call that began last of those that are open.
    fn follow_call(&mut self, call: &ToolCall, tool: Option<&str>, room: usize) -> bool {
        let use_id = call.use_id.as_deref().map(|id| xxh3_64(id.as_bytes()));
        let known = self.open.iter().position(|(id, _)| *id == use_id);
        if let Some(known) = known {
            self.open.remove(known);
        }
        self.current_tool = None;
        let mut fits = true;
        if let (true, Some(tool)) = (call.is_open, tool) {
            // The name counts among the open ones and as the one that is shown.
            fits = self.name_bytes() + 2 * (tool.len() + NAME_BYTES) <= room;
            if fits && self.open.len() < MAX_OPEN_CALLS {
                self.open.push((use_id, tool.into()));
            } else {
                self.may_be_open = true;
            }
        }
        self.current_tool = self.open.last().map(|(_, tool)| tool.clone());
        fits
    }

    /// Of the names of its tools.
    pub fn name_bytes(&self) -> usize {
        let open = self.open.iter().map(|(_, tool)| tool);
        let names = open.chain(&self.current_tool);
        names.map(|tool| tool.len() + NAME_BYTES).sum()
    }

    pub fn snapshot(&self) -> RunSnapshot {
        RunSnapshot {
            known: self.known.clone(),
            heartbeat: Heartbeat {
                progress: self.progress,
                current_tool: self.current_tool.clone(),
                last_sign_ms: self.last_sign_ms,
                deadline_ms: self.deadline_ms,
                token_usage: self.token_usage,
            },
            after: self.changed_seq,
        }
    }
}

fn later_sessions_of(execution: &Execution) -> Vec<String> {
    execution.later_sessions().to_vec()
}

/// Equal where what was read for one execution is what would be read for the other.
fn lines_of(execution: &Execution) -> u64 {
    let started_ms = execution.start.as_ref().map(|start| start.started_ms);
    let lines = (
        execution.transcript(),
        execution.later_transcripts(),
        started_ms,
    );
    xxh3_64(format!("{lines:?}").as_bytes())
}
