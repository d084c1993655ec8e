//! The manifest of a backup, its first file.

use serde::{Deserialize, Serialize};

pub const MANIFEST: &str = "manifest.json";

/// Raised when an older version could not restore what a newer one writes. The first had no
/// `access.db`, the second no `registry.db`, the third no `tasks.db`; all are restored still.
pub const FORMAT: u32 = 4;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// The version of the program that wrote it.
    pub agentpulse: String,
    /// RFC 3339, UTC.
    pub created: String,
    pub epoch: String,
    /// The last change that is in the history.
    pub history_seq: u64,
    /// The last change that was ever numbered; those after `history_seq` are in the journal.
    pub journal_seq: u64,
    /// In the order in which they follow.
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub name: String,
    pub bytes: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
}

/// Of a manifest of any version.
#[derive(Debug, Deserialize)]
pub struct AnyFormat {
    pub format: u32,
    pub agentpulse: String,
}
