//! Processes by their number: whether they live, what they are, and how to end them.

use std::fs;
use std::process::{Child, Command};

use rustix::process::{
    Pid, Signal, kill_process, kill_process_group, test_kill_process, test_kill_process_group,
};

pub enum Process {
    /// It leads a process group: a program that is a script may have the server as its child.
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

    /// This also reaps a child that has ended.
    pub fn has_exited(&mut self) -> bool {
        match self {
            Process::Child(child) => !matches!(child.try_wait(), Ok(None)),
            Process::Adopted(pid) => !exists(*pid),
        }
    }

    /// Whether nothing of it is left.
    pub fn is_gone(&mut self) -> bool {
        let has_exited = self.has_exited();
        match self {
            Process::Child(child) => {
                let group = Pid::from_raw(child.id() as i32);
                has_exited && group.is_none_or(|group| test_kill_process_group(group).is_err())
            }
            Process::Adopted(_) => has_exited,
        }
    }

    pub fn signal(&self, what: Signal) {
        match self {
            Process::Child(child) => {
                if let Some(group) = Pid::from_raw(child.id() as i32) {
                    // Already gone is fine.
                    let _ = kill_process_group(group, what);
                }
            }
            Process::Adopted(pid) => signal(*pid, what),
        }
    }
}

pub fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // Already gone is fine.
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
