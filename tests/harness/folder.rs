//! A folder for a daemon, and what is found in it.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A short path: that of a Unix socket must stay under 108 bytes.
pub fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("ap")
        .tempdir_in("/tmp")
        .expect("a folder in /tmp")
}

/// The private Redis of a data folder, if one runs.
pub fn redis_pid(data: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data.join("redis").join("redis.pid")).ok()?;
    let pid = Pid::from_raw(text.trim().parse().ok()?)?;
    let command = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok()?;
    let command = String::from_utf8_lossy(&command);
    (command.contains("redis") || command.contains("valkey")).then_some(pid)
}

pub fn kill_private_redis(data: &Path) {
    if let Some(pid) = redis_pid(data) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Its default place: in the data folder, so that commands find it there.
pub fn socket_path(data: &Path) -> PathBuf {
    data.join("agentpulse.sock")
}

pub fn log_path(data: &Path) -> PathBuf {
    data.with_extension("log")
}
