//! The daemon that is measured: this very program, in a new folder, with a Redis of its own.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::machine;
use crate::cli::failure::one_line;
use crate::cli::failure::{Failure, failed, io_failed};
use crate::cli::runtime::block_on;
use agentpulse_client::Control;

const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// Between two polls: a poll costs the daemon some 50 µs.
const PAUSE: Duration = Duration::from_millis(10);

/// Nothing is to time out or to be held back while it is measured; the rest is as everybody has
/// it.
const SETTINGS: &str = "[reaper]\nidle_timeout = \"6h\"\n[log]\nlevel = \"warn\"\n\
     [http]\nrate_limit = 1000000\nrate_burst = 1000000\n";

/// The user's own definitions are not measured.
const CLIENT: &str = "client";

pub struct Subject {
    child: Child,
    folder: PathBuf,
    control: Control,
}

impl Subject {
    pub fn start() -> Result<Subject, Failure> {
        let folder = std::env::temp_dir().join(format!("agentpulse-bench-{}", std::process::id()));
        let cannot = |error: io::Error| io_failed(folder.display(), &error);
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(cannot)?;
        let (settings, data) = (folder.join("settings.toml"), folder.join("data"));
        let client = folder.join(CLIENT).display().to_string();
        let text = format!("{SETTINGS}[registry]\nfolder = {client:?}\n");
        fs::write(&settings, text).map_err(cannot)?;
        let program = std::env::current_exe().map_err(cannot)?;
        let log = File::create(folder.join("log")).map_err(cannot)?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            // Settings of the user's own daemon are none of this one's.
            if name.to_string_lossy().starts_with("AGENTPULSE_") {
                command.env_remove(name);
            }
        }
        let child = command
            .arg("serve")
            .arg("--config")
            .arg(&settings)
            .arg("--data-dir")
            .arg(&data)
            .arg("--socket")
            .arg(folder.join("agentpulse.sock"))
            .args(["--http", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(cannot)?;
        let control = Control::in_folder(&data);
        let mut subject = Subject {
            child,
            folder,
            control,
        };
        subject.wait_ready()?;
        Ok(subject)
    }

    fn wait_ready(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                let last = log.lines().last().unwrap_or_default();
                return Err(failed(format_args!(
                    "the daemon ended with {status}: {last}"
                )));
            }
            // Its socket is opened last, and readiness says that Redis follows.
            if self.socket().exists() && self.status().is_ok_and(|status| status["ready"] == true) {
                return Ok(());
            }
            if begun.elapsed() > START_DEADLINE {
                return Err(failed("the daemon did not become ready"));
            }
            std::thread::sleep(PAUSE);
        }
    }

    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("agentpulse.sock")
    }

    /// Where the client that it follows has its definitions.
    pub fn client_folder(&self) -> PathBuf {
        self.folder.join(CLIENT)
    }

    /// Where all that it writes is.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Of its private Redis or Valkey, if the system reports it.
    pub fn redis_pid(&self) -> Option<u32> {
        machine::child(self.pid(), "-server")
    }

    pub fn status(&self) -> Result<Value, Failure> {
        Ok(block_on(self.control.status())??)
    }

    /// Where it answers HTTP.
    pub fn http(&self) -> Result<SocketAddr, Failure> {
        let status = self.status()?;
        let address = status["http"].as_str().unwrap_or_default();
        address
            .trim_start_matches("http://")
            .parse()
            .map_err(|_| failed(format_args!("the daemon's address is {address:?}")))
    }

    /// Polls until the condition holds; returns how long that took.
    pub fn wait(
        &self,
        deadline: Duration,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Result<Duration, Failure> {
        let begun = Instant::now();
        while !holds(&self.status()?) {
            if begun.elapsed() > deadline {
                let seconds = deadline.as_secs();
                return Err(failed(format_args!("{what} took more than {seconds} s")));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(begun.elapsed())
    }
}

/// Whether a view (`live` or `history`) has applied everything.
pub fn is_level(status: &Value, view: &str) -> bool {
    status[view]["pending"] == 0
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Err(failure) = self.stop() {
            // What was measured is whole all the same.
            let _ = writeln!(io::stderr(), "agentpulse: {}", one_line(&failure));
        }
        // What cannot be removed lies in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Subject {
    fn stop(&mut self) -> Result<(), Failure> {
        let broken = |error: io::Error| io_failed("stopping the daemon", &error);
        if self.child.try_wait().map_err(broken)?.is_some() {
            return Ok(());
        }
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).map_err(|error| broken(error.into()))?;
        }
        let begun = Instant::now();
        while self.child.try_wait().map_err(broken)?.is_none() {
            if begun.elapsed() > STOP_DEADLINE {
                self.child.kill().map_err(broken)?;
                self.child.wait().map_err(broken)?;
                return Err(failed("the daemon did not stop and was killed"));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}
