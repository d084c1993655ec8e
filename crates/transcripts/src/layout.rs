//! Where the client keeps transcripts: that of a main thread at `<project>/<session>.jsonl`, those of
//! its agents at `<project>/<session>/subagents/**/agent-<id>.jsonl`. Those of a workflow are in
//! `workflows/<its id>/` there.

use std::fs::read_dir;
use std::path::{Path, PathBuf};

/// Below the folder of a session: everything in it is an agent's.
pub const SUBAGENTS: &str = "subagents";
/// Folders within each other below it.
pub const MAX_DEPTH: usize = 4;
/// Agents of one session that are considered.
const MAX_AGENTS: usize = 4_096;
/// Entries of its folders, of whatever kind.
const MAX_ENTRIES: usize = 65_536;

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

/// The agents of a session with their transcripts, below its folder of them. Blocks.
pub fn agents_below(folder: &Path) -> Vec<(String, PathBuf)> {
    let (mut found, mut entries) = (Vec::new(), MAX_ENTRIES);
    list(folder, MAX_DEPTH, &mut entries, &mut found);
    found
}

/// A link to a folder is not followed: it may lead in a circle.
fn list(folder: &Path, depth: usize, entries: &mut usize, found: &mut Vec<(String, PathBuf)>) {
    for entry in read_dir(folder).into_iter().flatten().flatten() {
        if *entries == 0 || found.len() == MAX_AGENTS {
            return;
        }
        *entries -= 1;
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth > 1 {
                list(&path, depth - 1, entries, found);
            }
        } else if let Some(id) = agent_id(&path) {
            found.push((id.to_owned(), path));
        }
    }
}
