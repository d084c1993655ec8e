//! The real daemon, in a folder of the bench's own.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::start::HOOK;

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

pub struct Daemon {
    pub data: PathBuf,
    child: Child,
}

impl Daemon {
    /// None, with a word on what to do, where its program is not built.
    pub fn start(folder: &Path) -> Option<Daemon> {
        let program = std::env::var_os("BENCH_DAEMON").map_or_else(
            || Path::new(HOOK).with_file_name("agentpulse"),
            PathBuf::from,
        );
        if !program.exists() {
            println!(
                "!!! no daemon at {}: cargo build --profile dist, or set BENCH_DAEMON",
                program.display()
            );
            return None;
        }
        let data = folder.join("d");
        let log = File::create(folder.join("log")).expect("a log file");
        let child = Command::new(program)
            .args(["serve", "--http", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .arg("--socket")
            .arg(socket_in(&data))
            .env_remove("XDG_CONFIG_HOME")
            .env("HOME", folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the daemon starts");
        let daemon = Daemon { data, child };
        daemon.await_true("the daemon is ready", || {
            let answer = daemon.get("/ready")?;
            Ok(answer.split(' ').nth(1) == Some("200"))
        });
        Some(daemon)
    }

    pub fn socket(&self) -> PathBuf {
        socket_in(&self.data)
    }

    pub fn spool(&self) -> PathBuf {
        self.data.join("spool")
    }

    /// Executions that have ended, of yesterday and today: midnight may pass meanwhile.
    pub fn executions(&self) -> io::Result<u64> {
        let answer = self.json("/api/agents/metrics/daily?days=2")?;
        let days = answer["daily"].as_array().into_iter().flatten();
        Ok(days
            .filter_map(|day| day["total_executions"].as_u64())
            .sum())
    }

    pub fn active(&self) -> io::Result<u64> {
        let answer = self.json("/api/agents/metrics/current")?;
        answer["active_agents"]
            .as_u64()
            .ok_or(io::ErrorKind::InvalidData.into())
    }

    /// Whether it came true in time.
    pub fn comes_true(&self, mut ask: impl FnMut() -> io::Result<bool>) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if ask().is_ok_and(|answer| answer) {
                return true;
            }
            thread::sleep(PAUSE);
        }
        false
    }

    fn await_true(&self, what: &str, ask: impl FnMut() -> io::Result<bool>) {
        let log = self.data.with_file_name("log");
        assert!(
            self.comes_true(ask),
            "{what}: {}",
            fs::read_to_string(log).unwrap_or_default()
        );
    }

    fn json(&self, path: &str) -> io::Result<Value> {
        let answer = self.get(path)?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok(serde_json::from_str(body)?)
    }

    /// HTTP/1.0: the body ends with the connection.
    fn get(&self, path: &str) -> io::Result<String> {
        let address = fs::read_to_string(self.data.join("http.addr"))?;
        let mut stream = TcpStream::connect(address.trim())?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Daemon {
    /// In order, so that its private Redis ends as well.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

fn socket_in(data: &Path) -> PathBuf {
    data.join("agentpulse.sock")
}
