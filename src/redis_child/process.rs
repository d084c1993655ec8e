//! Processes by their number: whether they live, what they are, how they are told to end.

use std::fs;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

pub enum Process {
    Child(Child),
    /// It outlived an earlier daemon, and has another parent.
    Adopted(i32),
}

impl Process {
    pub fn pid(&self) -> i32 {
        match self {
            Process::Child(child) => child.id() as i32,
            Process::Adopted(pid) => *pid,
        }
    }

    /// A child that has ended is also seen off by this.
    pub fn has_exited(&mut self) -> bool {
        match self {
            Process::Child(child) => !matches!(child.try_wait(), Ok(None)),
            Process::Adopted(pid) => !exists(*pid),
        }
    }
}

pub fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // Gone already is as good.
        let _ = kill_process(pid, signal);
    }
}

pub fn exists(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// From /proc where there is one, because a container may be without `ps`.
pub fn command_line(pid: i32) -> Option<Vec<u8>> {
    if let Ok(args) = fs::read(format!("/proc/{pid}/cmdline")) {
        return Some(args);
    }
    let pid = pid.to_string();
    let output = Command::new("ps")
        .args(["-ww", "-o", "args=", "-p", &pid])
        .output()
        .ok()?;
    Some(output.stdout)
}
