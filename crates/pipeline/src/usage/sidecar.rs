//! The small file beside a transcript: `agent-<id>.meta.json`.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::open::open;
use agentpulse_core::event::{clean_name, clean_text};
use agentpulse_core::json::{Object, scalar};

/// It has a dozen short fields, and takes some 300 bytes.
pub const MAX_SIDECAR_BYTES: u64 = 64 << 10;

/// What the client notes of an agent when it launches it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sidecar {
    /// The agent's name.
    pub agent_type: Option<String>,
    /// Redacted and cut.
    pub description: Option<String>,
    /// As it was asked for; the transcript names the one that answered.
    pub model: Option<String>,
    /// 1 below the main thread.
    pub spawn_depth: Option<u64>,
    /// None below the main thread.
    pub parent_agent_id: Option<String>,
    /// The call of the tool that launched it.
    pub tool_use_id: Option<String>,
}

/// Reads the sidecar of a transcript, by the rules of a transcript. None when there is none, or
/// none that may be read, is JSON and has at most `max_bytes`; a field that is not what it should
/// be is none. Blocks.
pub fn sidecar(roots: &[PathBuf], transcript: &Path, max_bytes: u64) -> Option<Sidecar> {
    let path = transcript.with_extension("meta.json");
    let opened = open(roots, &path, max_bytes).ok()?;
    let mut text = Vec::new();
    opened.file.take(opened.len).read_to_end(&mut text).ok()?;
    let text = String::from_utf8(text).ok()?;
    let fields = Object::parse(&text).ok()?.unwrap_or_default();
    let name = |field| fields.string(field).and_then(clean_name);
    let spawn_depth = fields.get("spawnDepth").and_then(scalar);
    Some(Sidecar {
        agent_type: name("agentType"),
        description: fields.string("description").map(clean_text),
        model: name("model"),
        spawn_depth: spawn_depth.and_then(|depth| depth.as_u64()),
        parent_agent_id: name("parentAgentId"),
        tool_use_id: name("toolUseId"),
    })
}
