//! The small file beside a transcript: `agent-<id>.meta.json`.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::open::open;
use agentpulse_sources::claude_code::Sidecar;

/// It has a dozen short fields, and takes some 300 bytes.
pub const MAX_SIDECAR_BYTES: u64 = 64 << 10;

/// Reads the sidecar of a transcript, by the rules of a transcript. None when there is none, or
/// none that may be read, is JSON and has at most `max_bytes`; a field that is not what it should
/// be is none. Blocks.
pub fn sidecar(roots: &[PathBuf], transcript: &Path, max_bytes: u64) -> Option<Sidecar> {
    let path = transcript.with_extension("meta.json");
    let opened = open(roots, &path, max_bytes).ok()?;
    let mut text = Vec::new();
    opened.file.take(opened.len).read_to_end(&mut text).ok()?;
    let text = String::from_utf8(text).ok()?;
    Sidecar::parse(&text)
}
