//! Runs the installed command with an event that changes nothing, as a client runs it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::spool::lines;
use crate::cli::hooks::hook_command::PROGRAM;
use agentpulse_client::Control;

/// What we allow a client to wait.
const DEADLINE: Duration = Duration::from_secs(5);
const COUNTED_WITHIN: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Debug, Serialize)]
pub struct Trial {
    /// From the start of the shell to its end, as long as an agent stands still.
    round_trip_ms: Option<f64>,
    outcome: Outcome,
    /// Why there was no outcome, or what should not have been.
    complaint: Option<String>,
    spooled_before: usize,
    spooled_after: usize,
    /// Events that the daemon has counted.
    events_before: Option<u64>,
    events_after: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Acknowledged,
    Spooled,
    /// Neither the daemon nor the spool has it.
    Lost,
    /// The command could not be run, or did not end.
    Failed,
}

impl Trial {
    /// `spool` is where the hook program would leave the line.
    pub async fn run(command: &str, spool: Option<&Path>, control: &Control) -> Trial {
        let waiting = || spool.map(lines).unwrap_or_default();
        // Unique, so that the line is known among those of agents at work.
        let agent_id = format!("agentpulse-test-{:032x}", random());
        let before = waiting();
        let mut trial = Trial {
            round_trip_ms: None,
            outcome: Outcome::Failed,
            complaint: None,
            spooled_before: before.len(),
            spooled_after: 0,
            events_before: counted(control).await,
            events_after: None,
        };
        let began = Instant::now();
        match timeout(DEADLINE, run(command, &payload(&agent_id))).await {
            Ok(Ok(output)) => {
                trial.round_trip_ms = Some(began.elapsed().as_secs_f64() * 1e3);
                trial.complaint = complaint(&output);
                let after = waiting();
                trial.spooled_after = after.len();
                let is_ours = |file: &&PathBuf| !before.contains(file) && holds(file, &agent_id);
                trial.outcome = if after.iter().any(|file| is_ours(&file)) {
                    Outcome::Spooled
                } else {
                    trial.counted_outcome(control).await
                };
            }
            Ok(Err(error)) => trial.complaint = Some(format!("cannot be run: {error}")),
            Err(_) => {
                let complaint = format!("did not end within {} s", DEADLINE.as_secs());
                trial.complaint = Some(complaint);
            }
        }
        trial
    }

    /// Asks until the daemon has counted more than before.
    async fn counted_outcome(&mut self, control: &Control) -> Outcome {
        let Some(before) = self.events_before else {
            return Outcome::Lost;
        };
        let began = Instant::now();
        loop {
            self.events_after = counted(control).await;
            if self.events_after.is_some_and(|after| after > before) {
                return Outcome::Acknowledged;
            }
            if began.elapsed() > COUNTED_WITHIN {
                return Outcome::Lost;
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Without a daemon the spool is the right place, and the missing daemon is reported already.
    pub fn problem(&self, daemon_runs: bool) -> Option<String> {
        let what = match (self.outcome, &self.complaint) {
            (_, Some(complaint)) => format!("the hook command {complaint}"),
            (Outcome::Acknowledged, None) => return None,
            (Outcome::Spooled, None) if !daemon_runs => return None,
            (Outcome::Spooled, None) => {
                "the daemon did not acknowledge the test event in time".to_owned()
            }
            (Outcome::Lost | Outcome::Failed, None) => {
                "the test event reached neither the daemon nor the spool".to_owned()
            }
        };
        Some(format!("{what}: see `agentpulse doctor`"))
    }

    pub fn shown(&self) -> String {
        let outcome = match self.outcome {
            Outcome::Acknowledged => "acknowledged",
            Outcome::Spooled => "spooled",
            Outcome::Lost => "lost",
            Outcome::Failed => "failed",
        };
        match self.round_trip_ms {
            Some(round_trip_ms) => format!("{outcome}, {round_trip_ms:.1} ms"),
            None => outcome.to_owned(),
        }
    }
}

/// The program's own report; older ones have none.
pub async fn version(program: Option<&Path>) -> Option<String> {
    let output = Command::new(program?)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(DEADLINE, output).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.trim().strip_prefix(PROGRAM)?.trim();
    (!version.is_empty()).then(|| version.to_owned())
}

/// A heartbeat of an agent that never started: it is counted as an event, and nothing else.
fn payload(agent_id: &str) -> Value {
    json!({
        "hook_event_name": "PreToolUse",
        "session_id": "agentpulse-test",
        "agent_id": agent_id,
        "agent_type": "agentpulse-test",
        "tool_name": "Read",
        "tool_use_id": agent_id,
        "tool_input": {},
    })
}

async fn run(command: &str, payload: &Value) -> io::Result<Output> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        match input.write_all(payload.to_string().as_bytes()).await {
            // A program that reads nothing is judged by how it ends.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    child.wait_with_output().await
}

/// A client feeds output to the model, and takes an exit code for a veto.
fn complaint(output: &Output) -> Option<String> {
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        let reason = error.lines().next().unwrap_or_default();
        return Some(format!("ended with {}: {reason}", output.status));
    }
    (!output.stdout.is_empty()).then(|| "printed something".to_owned())
}

async fn counted(control: &Control) -> Option<u64> {
    let status = control.status().await.ok()?;
    let counters = &status["counters"];
    let kinds = ["accepted", "duplicate", "rejected", "progress"];
    let counts = kinds.map(|kind| counters[format!("events_{kind}")].as_u64());
    counts.into_iter().sum()
}

fn holds(file: &Path, text: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|line| line.contains(text))
}

/// Only has to differ from that of another run.
fn random() -> u128 {
    let mut bytes = [0; 16];
    // Without a source of randomness the number of this process has to do.
    if getrandom::fill(&mut bytes).is_err() {
        return u128::from(std::process::id());
    }
    u128::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::runtime::block_on;

    /// Without a daemon.
    fn trial(command: &str, spool: &Path) -> Trial {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::in_folder(folder.path());
        block_on(Trial::run(command, Some(spool), &control)).unwrap()
    }

    #[test]
    fn a_line_is_looked_for_in_the_spool() {
        let spool = tempfile::tempdir().unwrap();
        std::fs::write(spool.path().join("0.json"), "agentpulse-test").unwrap();
        let kept = trial(
            &format!("cat > '{}'/1.json", spool.path().display()),
            spool.path(),
        );
        assert_eq!(kept.outcome, Outcome::Spooled);
        assert_eq!((kept.spooled_before, kept.spooled_after), (1, 2));
        assert_eq!(kept.problem(false), None);
        assert!(kept.problem(true).is_some());

        let lost = trial("cat >/dev/null", spool.path());
        assert_eq!(lost.outcome, Outcome::Lost);
        assert!(lost.problem(false).is_some());
    }

    #[test]
    fn a_command_must_be_silent_and_succeed() {
        let spool = tempfile::tempdir().unwrap();
        let complaint = |command: &str| trial(command, spool.path()).complaint;
        assert_eq!(complaint("cat"), Some("printed something".to_owned()));
        let expect = "ended with exit status: 2: no";
        assert_eq!(complaint("echo no >&2; exit 2"), Some(expect.to_owned()));
    }
}
