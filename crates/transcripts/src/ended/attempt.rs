//! One look at the transcript of an execution, on a thread where it may wait for the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::files::Files;
use crate::open::Unreadable;
use crate::read::{TurnRead, read, read_main};
use crate::sidecar::{MAX_SIDECAR_BYTES, sidecar};
use crate::turn_before::ReadBefore;
use agentpulse_core::execution::Execution;
use agentpulse_core::turns::{Launch, prompt_of};
use agentpulse_core::usage::Usage;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_sources::claude_code::Sidecar;
use agentpulse_sources::claude_code::transcript::Span;

/// After this a transcript is taken as it is.
const PATIENCE: Duration = Duration::from_secs(3);
/// Nothing is written any more to the transcript of what ended before this.
const SETTLED_MS: i64 = 60_000;

/// What one look brought.
pub struct Attempt {
    /// The execution as it was when the look began.
    pub execution: Arc<Execution>,
    /// The offset in the file, in bytes, where it began.
    pub from: u64,
    pub read: Result<TurnRead, Unreadable>,
    pub launch: Launch,
}

impl Attempt {
    /// Returns `None` for an execution that has not ended, or has no transcript. Blocks.
    pub fn new(files: &Files, execution: Arc<Execution>, before: ReadBefore) -> Option<Attempt> {
        let path = Path::new(execution.transcript()?);
        let from = before.offset;
        let (read, launch) = match prompt_of(&execution.id) {
            Some(prompt_id) => (read_main(files, path, prompt_id), None),
            None => {
                let span = Span {
                    read_until_ms: before.until_ms,
                    started_ms: execution.start.as_ref().map(|start| start.started_ms),
                    ended_ms: Some(execution.outcome()?.ended_ms),
                    is_closed: execution.is_closed(),
                };
                let later = execution.later_transcripts().iter();
                let later: Vec<PathBuf> = later.map(PathBuf::from).collect();
                let sidecar = sidecar(&files.roots, path, MAX_SIDECAR_BYTES);
                let read = read(files, path, &later, from, span);
                (read, sidecar.map(Sidecar::launch))
            }
        };
        Some(Attempt {
            execution,
            from,
            read,
            launch: launch.unwrap_or_default(),
        })
    }

    /// Whether a later look may see more.
    pub fn may_improve(&self, waited: Duration) -> bool {
        let settled = self
            .execution
            .outcome()
            .is_none_or(|outcome| outcome.ended_ms < now_ms() - SETTLED_MS);
        let certain = match &self.read {
            Ok(TurnRead { usage, .. }) => settled || usage.is_final && self.has_grown(usage),
            Err(reason) => settled || !reason.may_pass(),
        };
        !certain && waited < PATIENCE
    }

    /// Who was sent on after a stop has said something since: the last message that was read for
    /// that stop is not the last one.
    fn has_grown(&self, usage: &Usage) -> bool {
        let known = self.execution.usage();
        known.is_none_or(|known| known.end_offset != usage.end_offset)
    }
}
