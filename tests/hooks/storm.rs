//! Many runs of the hook program while the daemon is well, stopped, gone, or killed: whatever a
//! hook was given is there in the end, once.
//!
//! `AGENTPULSE_TEST_HOOKS` sets how many hooks a test starts (100 when it is not set).

use std::fs;
use std::io::{Write, pipe};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use rustix::process::{Signal, kill_process};
use serde_json::json;

use crate::harness::hook_program;
use crate::harness::{DEADLINE, Daemon, Setup, eventually};

/// Hooks that run at the same time, unless a test is about that.
const AT_ONCE: usize = 16;

fn hooks() -> usize {
    let asked = std::env::var("AGENTPULSE_TEST_HOOKS").ok();
    asked.map_or(100, |count| {
        count.parse().expect("AGENTPULSE_TEST_HOOKS is a number")
    })
}

/// Where a hook looks for the daemon; stays true while the daemon is away.
struct Hooks {
    socket: PathBuf,
    spool: PathBuf,
    begun: AtomicUsize,
}

impl Hooks {
    fn of(daemon: &Daemon) -> Hooks {
        Hooks {
            socket: daemon.socket(),
            spool: daemon.data.join("spool"),
            begun: AtomicUsize::new(0),
        }
    }

    /// Runs hooks until `count` have been begun in all, each the stop of an agent of its own.
    fn run(&self, count: usize, at_once: usize) {
        thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    loop {
                        let number = self.begun.fetch_add(1, Ordering::SeqCst);
                        if number >= count {
                            break;
                        }
                        self.run_one(number);
                    }
                });
            }
        });
    }

    fn run_one(&self, number: usize) {
        let payload = json!({
            "hook_event_name": "SubagentStop", "session_id": "storm", "stop_hook_active": false,
            "agent_id": format!("a{number:016x}"), "agent_type": "probe",
            "last_assistant_message": "done",
        });
        // In the pipe before the program starts: a busy test must not be a client that is slow to
        // write, of whose payload a hook takes what it has seen after 45 ms.
        let (input, mut writer) = pipe().expect("a pipe");
        let written = writer.write_all(payload.to_string().as_bytes());
        written.expect("a pipe holds a payload");
        drop(writer);
        let child = Command::new(hook_program::path())
            .arg("claude-code")
            .env("AGENTPULSE_SOCKET", &self.socket)
            .env("AGENTPULSE_SPOOL", &self.spool)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the hook program starts");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    }
}

fn lines_in(spool: &Path) -> usize {
    let entries = fs::read_dir(spool).into_iter().flatten();
    entries
        .filter(|entry| {
            let name = entry.as_ref().expect("an entry").file_name();
            name.to_string_lossy().ends_with(".json")
        })
        .count()
}

/// Each hook's agent is one execution, and nothing is left to be taken.
fn all_there_once(daemon: &Daemon, count: usize) {
    eventually("every hook's agent is one execution", || {
        // Two days: midnight may pass while the test runs.
        let told = daemon.read("/api/agents/metrics/daily?days=2")?;
        let days = told["daily"].as_array().ok_or_else(|| told.to_string())?;
        let executions: u64 = days
            .iter()
            .filter_map(|day| day["total_executions"].as_u64())
            .sum();
        let waiting = lines_in(&daemon.data.join("spool"));
        if (executions, waiting) == (count as u64, 0) {
            Ok(())
        } else {
            Err(format!("{executions} executions, {waiting} lines wait"))
        }
    });
    let current = daemon.read("/api/agents/metrics/current");
    assert_eq!(current.expect("a picture")["active_agents"], 0);
}

#[test]
fn sixty_four_hooks_at_once_are_all_counted_once() {
    let daemon = Setup::new().start();
    let count = 3 * 64;
    Hooks::of(&daemon).run(count, 64);
    all_there_once(&daemon, count);
}

/// The daemon finds each line twice: on its socket, and in the spool.
#[test]
fn hooks_that_a_stopped_daemon_did_not_answer_are_counted_once() {
    let daemon = Setup::new().start();
    let hooks_of = Hooks::of(&daemon);
    kill_process(daemon.pid(), Signal::STOP).expect("the daemon runs");
    hooks_of.run(hooks(), AT_ONCE);
    assert_eq!(lines_in(&hooks_of.spool), hooks());
    kill_process(daemon.pid(), Signal::CONT).expect("the daemon is stopped");
    all_there_once(&daemon, hooks());
}

#[test]
fn hooks_without_a_daemon_are_counted_once_when_it_is_killed_while_it_takes_them() {
    let mut daemon = Setup::new().start();
    daemon.kill9();
    let hooks_of = Hooks::of(&daemon);
    hooks_of.run(hooks(), AT_ONCE);
    assert_eq!(lines_in(&hooks_of.spool), hooks());
    daemon.respawn();
    let begin = Instant::now();
    // Without a pause: the moment is in the middle of the taking only if it is seen at once.
    while lines_in(&hooks_of.spool) == hooks() {
        assert!(begin.elapsed() < DEADLINE, "no line is taken");
        thread::yield_now();
    }
    daemon.kill9();
    daemon.restart();
    assert_eq!(
        lines_in(&hooks_of.spool),
        0,
        "it is empty before the socket opens"
    );
    all_there_once(&daemon, hooks());
}

#[test]
fn hooks_are_counted_once_when_the_daemon_is_killed_under_them() {
    let mut daemon = Setup::new().start();
    let hooks_of = Hooks::of(&daemon);
    thread::scope(|scope| {
        let running = scope.spawn(|| hooks_of.run(hooks(), AT_ONCE));
        let begun = |share: usize| {
            eventually("hooks are begun", || {
                let begun = hooks_of.begun.load(Ordering::SeqCst);
                if begun >= hooks() * share / 3 {
                    Ok(())
                } else {
                    Err(format!("{begun}"))
                }
            });
        };
        begun(1);
        daemon.kill9();
        begun(2);
        daemon.restart();
        running.join().expect("the hooks end");
    });
    all_there_once(&daemon, hooks());
}

#[test]
fn a_spool_beside_the_socket_is_read_and_its_bound_reported() {
    let daemon = Setup::new().set("spool.max_bytes", "\"1MiB\"").start();
    let told = fs::read_to_string(daemon.data.join("spool.max_bytes"));
    assert_eq!(told.expect("the bound"), "1048576");
    // A file where the folder should be: hooks can make none there.
    fs::write(daemon.data.join("spool"), "").expect("a file");
    kill_process(daemon.pid(), Signal::STOP).expect("the daemon runs");
    let hooks_of = Hooks::of(&daemon);
    hooks_of.run(3, 1);
    let beside = daemon.data.join("agentpulse.sock.spool");
    assert_eq!(lines_in(&beside), 3);
    kill_process(daemon.pid(), Signal::CONT).expect("the daemon is stopped");
    all_there_once(&daemon, 3);
    eventually("the second spool is empty", || match lines_in(&beside) {
        0 => Ok(()),
        waiting => Err(format!("{waiting} lines wait")),
    });
}
