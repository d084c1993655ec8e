//! The hook program.

use std::io::{Write, pipe};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::daemon::Daemon;

/// Built beside the daemon: both are members of the workspace.
pub fn path() -> PathBuf {
    let daemon = PathBuf::from(env!("CARGO_BIN_EXE_agentpulse"));
    let hook = daemon.with_file_name("agentpulse-hook");
    assert!(
        hook.exists(),
        "cargo test --workspace builds {}",
        hook.display()
    );
    hook
}

/// One payload, given to the program as a client does.
pub fn run(daemon: &Daemon, payload: &Value) {
    // In the pipe before the program starts, which reads for 45 ms and no longer.
    let (input, mut writer) = pipe().expect("a pipe");
    writer
        .write_all(payload.to_string().as_bytes())
        .expect("a pipe holds a payload");
    drop(writer);
    let child = Command::new(path())
        .arg("claude-code")
        .env("AGENTPULSE_SOCKET", daemon.socket())
        .env("AGENTPULSE_SPOOL", daemon.data.join("spool"))
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the hook program starts");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}
