//! A Redis of the user's: the daemon neither starts nor stops it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::folder::folder;
use super::time::eventually;
use super::wire::{RedisLink, Reply};

/// A server on a Unix socket; it ends with this value.
pub struct Redis {
    folder: TempDir,
    child: Child,
}

impl Redis {
    pub fn start() -> Redis {
        let folder = folder();
        let child = Redis::spawn(folder.path());
        let redis = Redis { folder, child };
        redis.wait();
        redis
    }

    fn spawn(folder: &Path) -> Child {
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no"]);
        command.args(["--maxmemory-policy", "noeviction"]);
        command
            .arg("--unixsocket")
            .arg(folder.join("r.sock"))
            .arg("--dir")
            .arg(folder);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().expect("redis-server is installed")
    }

    fn wait(&self) {
        eventually("Redis answers", || match self.try_run(&["PING"]) {
            Ok(Reply::Text(pong)) if pong == "PONG" => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }

    fn try_run(&self, command: &[&str]) -> io::Result<Reply> {
        RedisLink::connect(&self.socket())?.run(command)
    }

    pub fn run(&self, command: &[&str]) -> Reply {
        self.try_run(command).expect("Redis answers")
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("r.sock")
    }

    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Answers nothing from now on, and closes nothing either.
    pub fn pause(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).expect("Redis runs");
    }

    pub fn resume(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("Redis runs");
    }

    /// Starts again, empty unless it had a SAVE.
    pub fn restart(&mut self) {
        self.kill();
        self.child = Redis::spawn(self.folder.path());
        self.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
