//! The real daemon in a folder of its own, and the ways to talk to it and to disturb it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::folder::{folder, kill_private_redis, log_path, redis_pid, socket_path};
use super::program::{short_program, wait_exit};
use super::setup::Setup;
use super::time::{eventually, now_ms};
use super::wire::{self, Answer, RedisLink, Reply, Response};
use crate::model::{Arrival, Totals};

/// A running daemon; it and its private Redis end with this value.
pub struct Daemon {
    pub folder: TempDir,
    pub data: PathBuf,
    pub http: SocketAddr,
    pub setup: Setup,
    child: Child,
}

impl Setup {
    /// Starts the daemon in a new folder and waits until it is ready.
    pub fn start(self) -> Daemon {
        Daemon::start(self)
    }
}

impl Daemon {
    fn start(setup: Setup) -> Daemon {
        let folder = folder();
        let data = folder.path().join("d");
        setup.mount(&data);
        let child = setup.spawn(&data);
        let http = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let mut daemon = Daemon {
            folder,
            data,
            http,
            setup,
            child,
        };
        daemon.wait_ready();
        daemon
    }

    pub fn socket(&self) -> PathBuf {
        socket_path(&self.data)
    }

    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], b"")
    }

    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        wire::request(self.http, method, path, headers, body)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// Asks as the daemon's own user.
    pub fn control(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        wire::request_control(&self.data.join("control.sock"), method, path, headers, body)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// The JSON of a read that must succeed.
    pub fn read(&self, path: &str) -> Result<Value, String> {
        let response =
            wire::request(self.http, "GET", path, &[], b"").map_err(|e| e.to_string())?;
        match response.status {
            200 => Ok(response.json()),
            status => Err(format!("GET {path}: {status} {}", response.text())),
        }
    }

    /// Sends bytes on a connection of their own.
    pub fn tell(&self, bytes: &[u8]) -> Answer {
        wire::tell(&self.socket(), bytes).expect("the event socket answers")
    }

    /// Sends events and says what the model needs to know of them.
    pub fn send(&self, lines: &[Value]) -> (Vec<Arrival>, Answer) {
        let at_ms = now_ms();
        let bytes: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let answer = self.tell(bytes.as_bytes());
        let arrivals = lines.iter().map(|line| Arrival {
            line: line.clone(),
            at_ms,
        });
        (arrivals.collect(), answer)
    }

    /// Sends events that must all be accepted.
    #[track_caller]
    pub fn accept(&self, lines: &[Value]) -> Vec<Arrival> {
        let (arrivals, answer) = self.send(lines);
        assert_eq!(answer.totals.accepted, lines.len() as u64, "{answer:?}");
        arrivals
    }

    /// Asks for a rebuild over the control socket; a daemon that dies of it answers nothing.
    pub fn request_rebuild(&self) {
        let request = b"POST /control/rebuild HTTP/1.1\r\nhost: localhost\r\n\
                        connection: close\r\ncontent-length: 0\r\n\r\n";
        let mut answer = Vec::new();
        let _ = UnixStream::connect(self.data.join("control.sock")).and_then(|mut stream| {
            stream.write_all(request)?;
            stream.read_to_end(&mut answer)
        });
    }

    pub fn redis_socket(&self) -> PathBuf {
        self.data.join("redis.sock")
    }

    /// One command to the private Redis.
    pub fn redis(&self, command: &[&str]) -> Reply {
        let answer = RedisLink::connect(&self.redis_socket()).and_then(|mut r| r.run(command));
        answer.expect("the private Redis answers")
    }

    /// Another command of the program, pointed at this daemon.
    pub fn command(&self, arguments: &[&str]) -> Output {
        self.command_with_input(arguments, b"")
    }

    pub fn command_with_input(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = short_program();
        command.args(arguments).arg("--data-dir").arg(&self.data);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        child
            .stdin
            .take()
            .expect("piped")
            .write_all(input)
            .expect("it reads its input");
        child.wait_with_output().expect("the program ends")
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What the process holds, without what is only mapped from files.
    pub fn memory_mib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let text = fs::read_to_string(status).expect("it runs");
        let line = text.lines().find(|line| line.starts_with("RssAnon"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.expect("a number") / 1024
    }

    pub fn redis_pid(&self) -> Option<Pid> {
        redis_pid(&self.data)
    }

    pub fn kill_redis(&self) {
        let pid = eventually("a private Redis", || {
            self.redis_pid().ok_or("no pid".to_owned())
        });
        let _ = kill_process(pid, Signal::KILL);
    }

    pub fn kill9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it ends by itself.
    pub fn wait_end(&mut self) -> ExitStatus {
        wait_exit(&mut self.child)
    }

    pub fn sigterm(&mut self) -> ExitStatus {
        kill_process(self.pid(), Signal::TERM).expect("the daemon runs");
        wait_exit(&mut self.child)
    }

    /// Starts again in the same folder, whatever ended it, and waits until it is ready.
    pub fn restart(&mut self) {
        self.respawn();
        self.wait_ready();
    }

    /// Starts again and does not wait.
    pub fn respawn(&mut self) {
        self.kill9();
        self.child = self.setup.spawn(&self.data);
    }

    pub fn wait_ready(&mut self) {
        if let Some(status) = self.wait_ready_or_end() {
            let log = fs::read_to_string(log_path(&self.data)).unwrap_or_default();
            panic!("the daemon ended with {status}:\n{log}");
        }
    }

    /// Until it is ready, or has given up.
    pub fn wait_ready_or_end(&mut self) -> Option<ExitStatus> {
        let address = self.data.join("http.addr");
        let child = &mut self.child;
        let ended = eventually("the daemon is ready", || {
            if let Some(status) = child.try_wait().expect("our own child") {
                return Ok(Err(status));
            }
            let text = fs::read_to_string(&address).map_err(|e| format!("http.addr: {e}"))?;
            let http = text
                .trim()
                .parse()
                .map_err(|e| format!("http.addr {text:?}: {e}"))?;
            let ready = wire::request(http, "GET", "/ready", &[], b"")
                .map_err(|e| format!("ready: {e}"))?;
            if ready.status == 200 {
                Ok(Ok(http))
            } else {
                Err(format!("not ready: {}", ready.text()))
            }
        });
        match ended {
            Ok(http) => self.http = http,
            Err(status) => return Some(status),
        }
        None
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill9();
        kill_private_redis(&self.data);
        self.setup.unmount(&self.data);
        if thread::panicking() {
            let log = fs::read_to_string(log_path(&self.data)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(30)..];
            eprintln!("--- the daemon's last lines\n{}\n---", last.join("\n"));
        }
    }
}

/// Sends every line until it is acknowledged, through whatever happens to the daemon meanwhile.
/// A line that was in flight is sent again: only a daemon that knows duplicates counts it once.
pub fn deliver(socket: &Path, lines: &[Value], acknowledged: &AtomicUsize) {
    for chunk in lines.chunks(64) {
        let bytes: String = chunk.iter().map(|line| format!("{line}\n")).collect();
        let totals: Totals = eventually("an acknowledgement", || {
            let answer = wire::tell(socket, bytes.as_bytes()).map_err(|e| e.to_string())?;
            let whole = answer.totals.handled() == chunk.len() as u64;
            if whole {
                Ok(answer.totals)
            } else {
                Err(format!("{answer:?}"))
            }
        });
        assert_eq!(totals.rejected, 0, "a valid event was refused");
        acknowledged.fetch_add(chunk.len(), Ordering::SeqCst);
    }
}
