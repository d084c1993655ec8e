//! Where the client keeps transcripts: that of a main thread at `<project>/<session>.jsonl`, those of
//! its agents at `<project>/<session>/subagents/**/agent-<id>.jsonl`. Those of a workflow are in
//! `workflows/<its id>/` there.

use std::path::Path;

/// Below the folder of a session: everything in it is an agent's.
pub const SUBAGENTS: &str = "subagents";
/// Folders within each other below it.
pub const MAX_DEPTH: usize = 4;

/// The agent by the name of its transcript.
pub fn agent_id(file: &Path) -> Option<&str> {
    let name = file.file_name()?.to_str()?;
    let id = name.strip_prefix("agent-")?.strip_suffix(".jsonl")?;
    (!id.is_empty()).then_some(id)
}

/// The session by the name of the transcript of its main thread.
pub fn main_session(file: &Path) -> Option<&str> {
    let id = file.file_name()?.to_str()?.strip_suffix(".jsonl")?;
    (!id.is_empty() && agent_id(file).is_none()).then_some(id)
}
