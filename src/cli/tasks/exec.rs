//! A worker in one line: a command does the task.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::StatusCode;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::{Printed, json_or_text, post, standing};
use crate::cli::failure::{Failure, failed, io_failed};
use crate::cli::runtime::block_on;
use agentpulse_client::{AskError, Control};
use agentpulse_core::json::json_bytes;
use agentpulse_core::text::cut;
use agentpulse_tasks::limits::MAX_JSON_BYTES;

/// Of its error output, whose end is the message.
const MAX_MESSAGE_BYTES: usize = 4_000;
/// A lease is renewed so often.
const BEATS_A_LEASE: u64 = 3;
const LOOK: Duration = Duration::from_millis(50);

/// Runs the command, beats as long as it runs, and completes, fails or releases the task.
pub fn work(
    control: &Control,
    claimed: &Value,
    command: &[String],
    printed: &Printed,
) -> Result<(), Failure> {
    let (task, token) = (&claimed["task"], &claimed["lease"]["token"]);
    let held = Held {
        control,
        task,
        token,
    };
    let ended = match held.run(command) {
        Ok(ended) => ended,
        Err(failure) => Ended::Failed(failure.message),
    };
    match ended {
        Ended::Done(output) => match held.post("complete", &json!({"result": result(output)})) {
            Ok(done) => printed.print(&done, |done| standing(&done["task"])),
            Err(refused) => held.fail(&refused.message),
        },
        Ended::Failed(message) => held.fail(&message),
        Ended::Lost => Err(failed(format_args!(
            "task {}: the lease is lost, and the command was ended",
            task["id"]
        ))),
        Ended::Interrupted => {
            let task = held.post("release", &json!({}))?;
            Err(failed(format_args!("{}: interrupted", standing(&task))))
        }
    }
}

enum Ended {
    /// With its output.
    Done(String),
    Failed(String),
    /// Another worker may hold the task by now.
    Lost,
    /// By a signal to this program.
    Interrupted,
}

/// Why a command is not to go on.
enum Stop {
    Cancelled,
    Lost,
    Interrupted,
}

struct Held<'h> {
    control: &'h Control,
    task: &'h Value,
    token: &'h Value,
}

impl Held<'_> {
    fn path(&self, what: &str) -> String {
        format!("/api/tasks/{}/{what}", self.task["id"])
    }

    fn with_token(&self, more: &Value) -> Value {
        let mut body = more.clone();
        body["token"] = self.token.clone();
        body
    }

    fn post(&self, what: &str, more: &Value) -> Result<Value, Failure> {
        post(self.control, &self.path(what), &self.with_token(more))
    }

    fn fail(&self, message: &str) -> Result<(), Failure> {
        let more = json!({"error_message": message, "error_type": "exit"});
        let task = self.post("fail", &more)?;
        Err(failed(format_args!("{}: {message}", standing(&task))))
    }

    fn run(&self, command: &[String]) -> Result<Ended, Failure> {
        let (program, arguments) = command.split_first().ok_or_else(|| failed("no command"))?;
        let cannot = |error: std::io::Error| io_failed(program, &error);
        let task = self.task;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut child = Command::new(program)
            .args(arguments)
            .env("AGENTPULSE_TASK_ID", task["id"].to_string())
            .env("AGENTPULSE_TASK_TYPE", text(&task["task_type"]))
            .env("AGENTPULSE_TASK_TOKEN", text(self.token))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // What it starts ends with it.
            .process_group(0)
            .spawn()
            .map_err(cannot)?;
        let output = read(child.stdout.take());
        let errors = read(child.stderr.take());
        let input = child.stdin.take();
        let context = task["context"].to_string();
        // One that does not read it is none the worse.
        thread::spawn(move || input.map(|mut input| input.write_all(context.as_bytes())));
        let stop = block_on(self.until_ended(&mut child, &[&output, &errors]))??;
        let status = child.wait().map_err(cannot)?;
        Ok(match stop {
            Some(Stop::Lost) => Ended::Lost,
            Some(Stop::Interrupted) => Ended::Interrupted,
            Some(Stop::Cancelled) => Ended::Failed("it was cancelled".to_owned()),
            None if status.success() => Ended::Done(joined(output)),
            None => {
                let errors = joined(errors);
                let end = tail(errors.trim());
                Ended::Failed(format!("{program} ended with {status}: {end}"))
            }
        })
    }

    /// Beats until the command, and all that writes its output, has ended; returns why it was
    /// killed, if it was.
    async fn until_ended(
        &self,
        child: &mut Child,
        readers: &[&JoinHandle<String>],
    ) -> Result<Option<Stop>, Failure> {
        let cannot = |error: std::io::Error| io_failed("the command", &error);
        let mut interrupted = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut terminated = signal(SignalKind::terminate()).map_err(cannot)?;
        let lease_s = self.task["lease_s"].as_u64().unwrap_or(30);
        let every = Duration::from_millis(lease_s * 1_000 / BEATS_A_LEASE);
        let mut beat_at = Instant::now() + every;
        loop {
            let has_ended = child.try_wait().map_err(cannot)?.is_some();
            if has_ended && readers.iter().all(|reader| reader.is_finished()) {
                return Ok(None);
            }
            let stop = tokio::select! {
                _ = interrupted.recv() => Some(Stop::Interrupted),
                _ = terminated.recv() => Some(Stop::Interrupted),
                () = sleep(LOOK) => None,
            };
            let stop = match stop {
                None if Instant::now() >= beat_at => {
                    beat_at = Instant::now() + every;
                    self.beat().await
                }
                stop => stop,
            };
            if stop.is_some() {
                kill(child);
                return Ok(stop);
            }
        }
    }

    async fn beat(&self) -> Option<Stop> {
        let body = self.with_token(&json!({}));
        match self.control.post(&self.path("heartbeat"), &body).await {
            Ok(beat) if beat["cancel_requested"] == true => Some(Stop::Cancelled),
            Err(AskError::Refused(StatusCode::CONFLICT | StatusCode::NOT_FOUND, _)) => {
                Some(Stop::Lost)
            }
            // A daemon that is restarted is back before the lease ends.
            Ok(_) | Err(_) => None,
        }
    }
}

/// With all that it has started, and that did not leave its group.
fn kill(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// What is JSON is that; what is too long for a result is its beginning, as a text.
fn result(output: String) -> Value {
    let whole = json_or_text(output.trim_end());
    let bytes = json_bytes(&whole);
    if bytes <= MAX_JSON_BYTES {
        return whole;
    }
    // A character takes six bytes of JSON at most.
    let text = cut(output, MAX_JSON_BYTES / 6);
    Value::String(text)
}

/// Reads to the end, and keeps the beginning.
fn read<R: Read + Send + 'static>(from: Option<R>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut from) = from {
            let most = MAX_JSON_BYTES as u64 + 1;
            let _ = from.by_ref().take(most).read_to_end(&mut kept);
            let _ = std::io::copy(&mut from, &mut std::io::sink());
        }
        String::from_utf8_lossy(&kept).into_owned()
    })
}

fn joined(reader: JoinHandle<String>) -> String {
    reader.join().unwrap_or_default()
}

/// The end of a text that is too long.
fn tail(text: &str) -> &str {
    let mut begin = text.len().saturating_sub(MAX_MESSAGE_BYTES);
    while !text.is_char_boundary(begin) {
        begin += 1;
    }
    &text[begin..]
}
