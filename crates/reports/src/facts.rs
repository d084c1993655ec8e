//! What does not change while the daemon runs.

use std::path::PathBuf;
use std::time::Instant;

pub struct Facts {
    pub started: Instant,
    pub http: String,
    pub socket: String,
    pub data_dir: String,
    pub spool_dir: PathBuf,
    pub spool_max_bytes: u64,
    pub redis_url: String,
    pub redis_private: bool,
    pub redis_version: String,
}
