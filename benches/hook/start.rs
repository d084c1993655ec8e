//! Starts a program as an agent's client starts a hook, and measures it.

use std::io::{PipeReader, Write, pipe};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use serde_json::json;

pub const HOOK: &str = env!("CARGO_BIN_EXE_agentpulse-hook");

/// The least that a program can cost.
pub const FLOOR: &str = "/bin/true";

/// A folder of its own for one bench, removed at the end. Short: a socket's path is at most 107
/// bytes.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let parent = env::var_os("BENCH_FOLDER").unwrap_or_else(|| "/tmp".into());
        let name = format!("ap-bench-{name}-{}", process::id());
        let path = PathBuf::from(parent).join(name);
        fs::create_dir(&path).expect("a folder of the bench's own");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A payload as the client sends it at the end of a subagent.
pub fn payload(event: &str, agent_id: &str) -> Vec<u8> {
    let session = "ad87c308-c7d8-466a-9e72-1dd77ca04f28";
    let project = "/home/dev/.claude/projects/-home-dev-shop";
    let payload = json!({
        "session_id": session,
        "transcript_path": format!("{project}/{session}.jsonl"),
        "cwd": "/home/dev/shop",
        "prompt_id": "1f7a3b52-0c1e-4d0b-9f43-8a4ad27c3d10",
        "permission_mode": "default",
        "agent_id": agent_id,
        "agent_type": "probe",
        "hook_event_name": event,
        "stop_hook_active": false,
        "agent_transcript_path": format!("{project}/{session}/subagents/agent-{agent_id}.jsonl"),
        "last_assistant_message": "All 12 tests pass; the parser now takes empty input.",
        "background_tasks": [],
    });
    payload.to_string().into_bytes()
}

/// The hook program, pointed at these places.
pub fn hook(socket: &Path, spool: &Path) -> Command {
    let mut command = Command::new(HOOK);
    command
        .arg("claude-code")
        .env_clear()
        .env("AGENTPULSE_SOCKET", socket)
        .env("AGENTPULSE_SPOOL", spool);
    command
}

/// The payload is in the pipe before the program starts, so that writing it is nobody's time.
pub fn begin(command: &mut Command, payload: &[u8]) -> (Child, Instant) {
    command
        .stdin(filled_pipe(payload))
        .stdout(Stdio::null())
        .stderr(Stdio::inherit());
    let begun = Instant::now();
    let child = command.spawn();
    (child.expect("the program starts"), begun)
}

fn filled_pipe(payload: &[u8]) -> PipeReader {
    let (reader, mut writer) = pipe().expect("a pipe");
    writer.write_all(payload).expect("a pipe holds a payload");
    reader
}

/// From the start of the program until it has ended.
pub fn measure(command: &mut Command, payload: &[u8]) -> Duration {
    let (mut child, begun) = begin(command, payload);
    let status = child.wait().expect("our own child");
    let elapsed = begun.elapsed();
    assert!(status.success(), "{:?}: {status}", command.get_program());
    elapsed
}
